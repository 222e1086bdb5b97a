"""Every signal ends a worker and a front-end in order, whatever became of their output; a second one hurries."""

import asyncio
import signal
import sys
from pathlib import Path

import pytest

from simulcast.broker import Broker
from simulcast.jobs import Jobs
from simulcast.process_registry import ProcessRegistry
from tests.conditions import eventually, until
from tests.processes import pipe_that_was_closed
from tests.programs import StartFrontEnd, StartWorker
from tests.scripted_server import Server, head, raw, silence_after
from tests.service import ROOT
from tests.valkey import Valkey

pytestmark = pytest.mark.long
SIGNALS = [signal.SIGTERM, signal.SIGINT, signal.SIGHUP]


@pytest.mark.parametrize("number", SIGNALS, ids=lambda number: number.name)
async def test_every_signal_lets_a_worker_hand_over_its_downloads(
    number: signal.Signals, worker: StartWorker, own_valkey: Valkey
) -> None:
    program = worker()
    broker = Broker.connect(own_valkey.url)
    jobs = Jobs.connect(own_valkey.url, broker)
    async with Server() as server:
        hanging = silence_after(raw(head(200, {"Content-Length": "9"})))
        download_id = (await jobs.submit(server.at("/f", hanging))).download_id

        async def is_in(state: str) -> bool:
            return (await jobs.get(download_id)).state == state

        await eventually(lambda: is_in("running"), "the claim")
        program.process.send_signal(number)
        assert await asyncio.to_thread(program.process.wait, 30) == 0
        assert await is_in("queued"), "another worker may claim it immediately"
    await jobs.aclose()
    await broker.aclose()


@pytest.mark.parametrize("number", SIGNALS, ids=lambda number: number.name)
async def test_every_signal_lets_a_front_end_disconnect_its_clients(
    number: signal.Signals, front_end: StartFrontEnd
) -> None:
    program = await front_end()
    client = await program.connect()
    program.process.send_signal(number)
    await client.wait_closed()
    assert client.close_code == 1012
    await asyncio.to_thread(program.process.wait, 30)


async def test_a_second_signal_ends_a_worker_that_can_hand_nothing_over(
    worker: StartWorker, own_valkey: Valkey
) -> None:
    """Redis stands still: the first signal waits for it."""
    program = worker()
    broker = Broker.connect(own_valkey.url)
    jobs = Jobs.connect(own_valkey.url, broker)
    async with Server() as server:
        await jobs.submit(server.at("/f", silence_after(raw(head(200, {"Content-Length": "9"})))))
        await until(lambda: server.requests, "the download")
        own_valkey.signal(signal.SIGSTOP)
        program.process.send_signal(signal.SIGTERM)

        async def is_stopping() -> bool:
            with Path(f"/proc/{program.process.pid}/status").open() as status:
                caught = next(int(line.split()[1], 16) for line in status if line.startswith("SigCgt"))
            return not caught >> (signal.SIGTERM - 1) & 1

        await eventually(is_stopping, "the first signal")
        program.process.send_signal(signal.SIGTERM)
        assert await asyncio.to_thread(program.process.wait, 30) == -signal.SIGTERM
        own_valkey.signal(signal.SIGCONT)
    await jobs.aclose()
    await broker.aclose()


@pytest.mark.parametrize("number", SIGNALS, ids=lambda number: number.name)
async def test_a_worker_whose_output_was_closed_ends_in_order(
    number: signal.Signals, own_valkey: Valkey, tmp_path: Path
) -> None:
    with pipe_that_was_closed() as out:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "workers"),
            cwd=ROOT,
            env={"REDIS_URL": own_valkey.url, "SIMULCAST_DOWNLOAD_DIR": str(tmp_path / "d"), "SIMULCAST_LOG": "debug"},
            stdout=out,
            stderr=out,
        )
    registry = ProcessRegistry.connect(own_valkey.url)

    async def is_there() -> bool:
        return bool((await registry.processes()).workers)

    await eventually(is_there, "the worker")
    process.send_signal(number)
    async with asyncio.timeout(30):
        assert await process.wait() == 0
    await registry.aclose()
