"""The server: its end, which waits for its clients, and the memory that it returns."""

import asyncio
import os
import signal
from pathlib import Path

import uvicorn

from app.server.server import TRIM_INTERVAL_S, DrainingServer
from tests.served import hello


async def never() -> None:
    await asyncio.Event().wait()


def test_a_second_signal_hurries_whichever_it_is() -> None:
    server = DrainingServer(uvicorn.Config(hello, log_config=None), never)
    server.handle_exit(signal.SIGTERM, None)
    assert server.should_exit and not server.force_exit
    server.handle_exit(signal.SIGTERM, None)
    assert server.force_exit


async def test_a_server_in_a_hurry_waits_for_no_client() -> None:
    server = DrainingServer(uvicorn.Config(hello, log_config=None, lifespan="off"), never)
    server.servers = []
    shutdown = asyncio.create_task(server.shutdown())
    await asyncio.sleep(0)
    assert not shutdown.done()
    server.force_exit = True
    async with asyncio.timeout(20):
        await shutdown


async def test_memory_that_is_free_between_blocks_in_use_is_returned_to_the_system() -> None:
    def resident_bytes() -> int:
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    server = DrainingServer(uvicorn.Config(hello, log_config=None, date_header=False), never)
    blocks = [bytes(16_000) for _ in range(4000)]
    before = resident_bytes()
    del blocks[::2]
    await server.on_tick(10 * TRIM_INTERVAL_S)
    assert before - resident_bytes() > 10_000_000
