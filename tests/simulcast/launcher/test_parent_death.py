"""The end of an embedded server when the process that started it ends."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from simulcast.errors import EmbeddedServerError
from simulcast.launcher import embedded as module
from simulcast.launcher.embedded import EmbeddedServer
from simulcast.launcher.valkey_binary import find_server
from simulcast.settings.redis import URL_FILE
from tests.conditions import until
from tests.processes import children, is_alive

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
both_ways = pytest.mark.parametrize("how", [[], ["watch"]], ids=["kernel", "watch"])


@asynccontextmanager
async def owner(
    folder: Path, environment: dict[str, str], *how: str
) -> AsyncIterator[tuple[asyncio.subprocess.Process, int, set[int]]]:
    """A process that owns a server, that server's id, and all that it started."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.simulcast.launcher.owner", str(folder), *how),
        stdout=asyncio.subprocess.PIPE,
        env=environment,
    )
    try:
        assert process.stdout is not None
        async with asyncio.timeout(20):
            pid = int(await process.stdout.readline())
        started = children(process.pid)
        assert pid in started and len(started) == 1 + len(how)
        yield process, pid, started
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


@both_ways
async def test_embedded_server_ends_in_order_when_its_parent_is_killed(
    folder: Path, environment: dict[str, str], how: list[str]
) -> None:
    async with owner(folder, environment, *how) as (parent, _, started):
        assert all(map(is_alive, started))
        parent.kill()
        await until(lambda: not any(map(is_alive, started)), "the server's end")
    assert "Received SIGTERM" in (folder / "valkey.log").read_text()


@both_ways
async def test_embedded_server_ends_with_its_parent(folder: Path, environment: dict[str, str], how: list[str]) -> None:
    async with owner(folder, environment, *how) as (parent, _, started):
        parent.send_signal(signal.SIGINT)
        async with asyncio.timeout(20):
            await parent.wait()
        await until(lambda: not any(map(is_alive, started)), "the server's end")
        assert not (folder / URL_FILE).exists()


async def test_embedded_server_waits_for_the_one_of_a_killed_parent(
    folder: Path, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    binary = await find_server()
    async with owner(folder, environment) as (parent, server, _):
        os.kill(server, signal.SIGSTOP)
        try:
            parent.kill()
            await parent.wait()
            monkeypatch.setattr(module, "LOCK_TIMEOUT_S", 0.1)
            with pytest.raises(EmbeddedServerError, match=f"process {server}"):
                await EmbeddedServer(folder, binary).start()
        finally:
            os.kill(server, signal.SIGCONT)
        monkeypatch.setattr(module, "LOCK_TIMEOUT_S", 20)
        async with EmbeddedServer(folder, binary) as successor:
            assert not is_alive(server) and successor.pid is not None
