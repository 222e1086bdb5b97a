"""`simulcast up` ends in order whatever became of its terminal."""

import asyncio
import fcntl
import os
import pty
import signal
import sys
from collections.abc import Iterator
from contextlib import aclosing, closing, contextmanager, suppress
from pathlib import Path

import pytest
from websockets.asyncio.client import connect

from simulcast.broker import Broker
from tests.conditions import until
from tests.ports import free_port
from tests.processes import children, is_alive, pipe_that_was_closed
from tests.running_service import responds

pytestmark = [pytest.mark.long, pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")]
READY_S = 60.0


@contextmanager
def pipe_that_is_full() -> Iterator[int]:
    reading, writing = os.pipe()
    with closing(os.fdopen(reading, "rb")), os.fdopen(writing, "wb", buffering=0) as out:
        os.set_blocking(writing, False)
        with suppress(BlockingIOError):
            while True:
                os.write(writing, b"x" * fcntl.fcntl(writing, fcntl.F_GETPIPE_SZ))
        os.set_blocking(writing, True)
        yield out.fileno()


@contextmanager
def terminal_that_was_closed() -> Iterator[int]:
    master, terminal = pty.openpty()
    os.close(master)
    with os.fdopen(terminal, "wb", buffering=0) as out:
        yield out.fileno()


OUTPUTS = {
    "closed pipe": pipe_that_was_closed,
    "full pipe": pipe_that_is_full,
    "closed terminal": terminal_that_was_closed,
}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP], ids=lambda number: number.name)
@pytest.mark.parametrize("output", OUTPUTS)
async def test_every_signal_ends_it_in_order_whatever_became_of_its_output(
    folder: Path, environment: dict[str, str], output: str, number: signal.Signals
) -> None:
    with OUTPUTS[output]() as out:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "simulcast.cli", "up", "--port", "0", "--workers", "0"),
            cwd=folder,
            env=environment | {"PYTHONUNBUFFERED": ""},  # with a buffer, as most people have it
            stdout=out,
            stderr=out,
        )
    started: set[int] = set()
    try:
        await until(lambda: (folder / "data" / "redis.url").exists(), "Valkey", READY_S)
        await until(lambda: len(children(process.pid)) == 2, "a front-end", READY_S)
        started = children(process.pid)
        process.send_signal(number)
        async with asyncio.timeout(READY_S):
            assert await process.wait() == 0
        assert not (folder / "data" / "redis.url").exists()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        await until(lambda: not any(map(is_alive, started)), "the end of all that it started")


async def test_the_service_goes_on_while_nobody_reads_its_output(folder: Path, environment: dict[str, str]) -> None:
    port = free_port()
    with pipe_that_is_full() as out:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "simulcast.cli", "up", "--port", str(port), "--workers", "1"),
            cwd=folder,
            env=environment | {"SIMULCAST_LOG": "debug"},
            stdout=out,
            stderr=out,
        )
        ready = f"http://127.0.0.1:{port}/ready"
        try:
            await until(lambda: responds(ready), "readiness", READY_S)
            for _ in range(2):
                first = children(process.pid)
                for pid in first:
                    os.kill(pid, signal.SIGKILL)
                await until(lambda: len(children(process.pid) - first) == 3, "three new processes", READY_S)  # noqa: B023
                await until(lambda: responds(ready), "readiness", READY_S)
            url = (folder / "data" / "redis.url").read_text().strip()
            async with (
                connect(f"ws://127.0.0.1:{port}/ws", proxy=None) as client,
                aclosing(Broker.connect(url)) as broker,
            ):
                await broker.publish({"type": "still here"})
                async with asyncio.timeout(READY_S):
                    assert "still here" in str(await client.recv())
            process.send_signal(signal.SIGTERM)
            async with asyncio.timeout(READY_S):
                assert await process.wait() == 0
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
