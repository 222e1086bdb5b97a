"""Commands that run until a signal stops them, as processes."""

import asyncio
import os
import pty
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from websockets.asyncio.server import ServerConnection, serve

from simulcast.broker import Broker
from simulcast.jobs import Jobs
from simulcast.launcher.embedded import EmbeddedServer
from tests.command_line import command_process, wait_ended
from tests.conditions import eventually, until
from tests.ports import free_port
from tests.running_service import responds

pytestmark = pytest.mark.long

QUEUED = '{"event_id":"9-1","type":"download_queued","download_id":"a","name":"file.iso"}'
HALF = '{"event_id":"9-2","type":"download_progress","download_id":"a","progress":0.5,"speed":1000}'


@asynccontextmanager
async def front_end() -> AsyncIterator[str]:
    """A stand-in that tells of one download. Yields its address."""

    async def handle(connection: ServerConnection) -> None:
        await connection.send(QUEUED)
        await connection.send(HALF)
        await connection.wait_closed()

    async with serve(handle, "127.0.0.1", 0) as running:
        yield f"ws://127.0.0.1:{next(iter(running.sockets)).getsockname()[1]}/ws"


async def test_watch_prints_plain_lines_into_a_pipe_until_ctrl_c(folder: Path, environment: dict[str, str]) -> None:
    async with front_end() as url, command_process(folder, environment, "watch", "--url", url) as process:
        assert process.stdout is not None
        async with asyncio.timeout(30):
            lines = [(await process.stdout.readline()).decode() for _ in range(2)]
        assert lines == ["queued     a  file.iso\n", "progress   a   50.0%  1.0 kB/s  file.iso\n"]
        assert await wait_ended(process, signal.SIGINT) == (0, f"connected to {url}\n")


async def test_watch_ends_when_nobody_reads_its_pipe(folder: Path, environment: dict[str, str]) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    async with (
        front_end() as url,
        command_process(folder, environment, "watch", "--url", url, stdout=writing) as process,
    ):
        os.close(writing)
        async with asyncio.timeout(30):
            _, err = await process.communicate()
        assert b"Traceback" not in err


async def test_watch_draws_bars_in_a_terminal_until_ctrl_c(folder: Path, environment: dict[str, str]) -> None:
    ours, theirs = pty.openpty()
    drawn = bytearray()
    loop = asyncio.get_running_loop()
    loop.add_reader(ours, lambda: drawn.extend(os.read(ours, 65536)))
    terminal = environment | {"TERM": "xterm-256color", "LINES": "24"}
    async with front_end() as url, command_process(folder, terminal, "watch", "--url", url, stdout=theirs) as process:
        await until(lambda: b"50%" in drawn and b"file.iso" in drawn, "a bar")
        assert b"connected to" in drawn
        assert await wait_ended(process, signal.SIGINT) == (0, "")
    await until(lambda: b"\x1b[?25h" in drawn, "the cursor to be shown again")
    loop.remove_reader(ours)
    os.close(ours)
    os.close(theirs)


async def test_demo_stopped_by_ctrl_c_leaves_no_job_running(
    folder: Path, environment: dict[str, str], embedded: EmbeddedServer
) -> None:
    broker = Broker.connect(embedded.url)

    async def runs() -> bool:
        return len((await broker.snapshot()).publications) > 3

    async with command_process(folder, environment, "demo", "--jobs", "4") as process:
        await eventually(runs, "some jobs")
        assert await wait_ended(process, signal.SIGINT) == (0, "")
    labels = [publication.label for publication in (await broker.snapshot()).publications]
    await broker.aclose()
    assert labels and all(label.startswith("e:job_cancelled") for label in labels)


@pytest.mark.parametrize("by_environment", [False, True])
async def test_serve_is_one_front_end(
    folder: Path, environment: dict[str, str], embedded: EmbeddedServer, by_environment: bool
) -> None:
    port = str(free_port())
    if by_environment:
        environment |= {"SIMULCAST_PORT": port, "REDIS_URL": embedded.url}
        flags = []
    else:
        flags = ["--port", port, "--redis-url", embedded.url]
    async with command_process(folder, environment, "serve", *flags) as process:

        async def ready() -> bool:
            return await asyncio.to_thread(responds, f"http://127.0.0.1:{port}/ready")

        await eventually(ready, "readiness")
        _, err = await wait_ended(process, signal.SIGTERM)
        assert "Traceback" not in err


async def test_work_is_one_worker(folder: Path, environment: dict[str, str], embedded: EmbeddedServer) -> None:
    broker = Broker.connect(embedded.url)
    jobs = Jobs.connect(embedded.url, broker)
    record = await jobs.submit("http://127.0.0.1/refused")

    async def failed() -> bool:
        return (await jobs.get(record.download_id)).state == "error"

    async with command_process(folder, environment, "work", "--redis-url", embedded.url) as process:
        await eventually(failed, "the refusal of a private address")
        _, err = await wait_ended(process, signal.SIGTERM)
        assert "Traceback" not in err
    await jobs.aclose()
    await broker.aclose()


@pytest.mark.parametrize("arguments", [("serve", "--port", "1"), ("work",)], ids=["serve", "work"])
async def test_ctrl_c_while_it_starts_shows_no_traceback(
    folder: Path, environment: dict[str, str], arguments: tuple[str, ...]
) -> None:
    async with command_process(folder, environment, *arguments, "--redis-url", "redis://127.0.0.1:1/0") as process:
        proc = Path(f"/proc/{process.pid}")
        await until(lambda: "simulcast.cli" not in (proc / "cmdline").read_text(), "the program that takes its place")
        await until(lambda: "pydantic_core" in (proc / "maps").read_text(), "the imports")
        _, err = await wait_ended(process, signal.SIGINT)
        assert "Traceback" not in err
