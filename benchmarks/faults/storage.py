"""Redis has no room: on its disk, or in its memory."""

import asyncio
import os
import shutil
import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress

from benchmarks.faults.row import Row
from benchmarks.faults.stage import Stage
from tests.conditions import until
from tests.valkey import Valkey

DISK = "24m"
LEFT_BYTES = 64 * 1024
FULL_S = 3.0
NOTICED_S = 30.0


def why_no_disk_can_be_made() -> str:
    if os.geteuid() != 0 or shutil.which("mount") is None:
        return "a small disk (tmpfs) needs root"
    return ""


def on_a_small_disk(appendfsync: str) -> Callable[[Stage], AbstractAsyncContextManager[None]]:
    """Redis' folder is a tmpfs of its own."""

    @asynccontextmanager
    async def setting(stage: Stage) -> AsyncIterator[None]:
        folder = stage.server.folder
        folder.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK}", "tmpfs", folder], check=True, capture_output=True)
        try:
            stage.server = Valkey(folder, options=["--appendfsync", appendfsync])
            yield
        finally:
            subprocess.run(["umount", folder], check=True, capture_output=True)

    return setting


def _fill(stage: Stage) -> None:
    with suppress(OSError), (stage.server.folder / "ballast").open("wb", buffering=0) as ballast:
        while shutil.disk_usage(stage.server.folder).free > LEFT_BYTES:
            ballast.write(bytes(LEFT_BYTES // 2))


def _empty(stage: Stage) -> None:
    (stage.server.folder / "ballast").unlink()


async def full_and_refusing(stage: Stage) -> None:
    """With `everysec` Redis refuses writes until there is room."""
    _fill(stage)
    with stage.redis() as client:
        await until(lambda: client.info("persistence")["aof_last_write_status"] == "err", "a full disk", NOTICED_S)
        await asyncio.sleep(FULL_S)
        _empty(stage)
        await until(lambda: client.info("persistence")["aof_last_write_status"] == "ok", "room again", NOTICED_S)


async def full_and_exiting(stage: Stage) -> None:
    """With `always` Redis ends, since it can't keep its promise."""
    _fill(stage)
    await until(lambda: stage.server.ended, "the end of a Redis whose disk is full", NOTICED_S)
    await asyncio.sleep(1)
    _empty(stage)
    await asyncio.to_thread(stage.server.start)


async def out_of_memory(stage: Stage) -> None:
    with stage.redis() as client:
        client.config_set("maxmemory", "1mb")
        await asyncio.sleep(FULL_S)
        client.config_set("maxmemory", "0")


ROWS = (
    Row(
        "disk-full-everysec",
        "disk full, `appendfsync everysec`: writes refused",
        full_and_refusing,
        on_a_small_disk("everysec"),
        why_no_disk_can_be_made,
        refuses=True,
    ),
    Row(
        "disk-full-always",
        "disk full, `appendfsync always`: Redis exits, and is restarted",
        full_and_exiting,
        on_a_small_disk("always"),
        why_no_disk_can_be_made,
    ),
    Row("out-of-memory", f"`maxmemory` reached for {FULL_S:.0f} s: writes refused", out_of_memory, refuses=True),
)
