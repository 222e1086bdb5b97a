"""The end of the server, which waits for its clients."""

import asyncio
import signal

import uvicorn

from app.server.server import DrainingServer
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
