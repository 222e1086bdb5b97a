"""Redis has no room: on its disk, or in its memory."""

import asyncio
import os
import shutil
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, ExitStack, asynccontextmanager, contextmanager, suppress
from pathlib import Path

import redis

from benchmarks.faults.row import Row
from benchmarks.faults.stage import Stage
from benchmarks.faults.topology import GROUPS
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
    """The folder of each Redis is a tmpfs of its own."""

    @asynccontextmanager
    async def setting(stage: Stage) -> AsyncIterator[None]:
        with ExitStack() as disks:
            for server in stage.servers:
                disks.enter_context(_small_disk(server.folder))
                server.equip(["--appendfsync", appendfsync])
            yield

    return setting


@contextmanager
def _small_disk(folder: Path) -> Iterator[None]:
    folder.mkdir(parents=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK}", "tmpfs", folder], check=True, capture_output=True)
    try:
        yield
    finally:
        subprocess.run(["umount", folder], check=True, capture_output=True)


def _fill(server: Valkey) -> None:
    assert server.folder.is_mount(), f"{server.folder} is no disk of its own"
    with suppress(OSError), (server.folder / "ballast").open("wb", buffering=0) as ballast:
        while shutil.disk_usage(server.folder).free > LEFT_BYTES:
            ballast.write(bytes(LEFT_BYTES // 2))


def _empty(server: Valkey) -> None:
    (server.folder / "ballast").unlink()


def _writes(server: Valkey) -> str:
    """Whether it could write its file the last time: ok or err; nothing while it doesn't answer."""
    with suppress(redis.RedisError), server.admin() as client:
        return str(client.info("persistence")["aof_last_write_status"])
    return ""


async def full_and_refusing(stage: Stage) -> None:
    """With `everysec` Redis refuses writes until there is room."""
    server = stage.server
    _fill(server)
    await until(lambda: _writes(server) == "err", "a full disk", NOTICED_S)
    await asyncio.sleep(FULL_S)
    _empty(server)
    await until(lambda: _writes(server) == "ok", "room again", NOTICED_S)


async def full_and_exiting(stage: Stage) -> None:
    """With `always` Redis ends, since it can't keep its promise."""
    server = stage.server
    _fill(server)
    await until(lambda: server.ended, "the end of a Redis whose disk is full", NOTICED_S)
    await asyncio.sleep(1)
    _empty(server)
    await asyncio.to_thread(server.start)


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
        fails_over=GROUPS,
    ),
    Row("out-of-memory", f"`maxmemory` reached for {FULL_S:.0f} s: writes refused", out_of_memory, refuses=True),
)
