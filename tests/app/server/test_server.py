"""The server: its end, which waits for its clients, and the memory that it returns."""

import asyncio
import os
import signal
import socket
from pathlib import Path
from typing import cast

import uvicorn

from app.server.server import ACCEPTS_PER_TURN, NOTSENT_BYTES, TRIM_INTERVAL_S, DrainingServer, with_copies
from tests.conditions import until
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


async def test_several_connections_are_accepted_in_one_turn_of_the_loop_and_inherit_their_options() -> None:
    accepted: list[asyncio.Transport] = []

    class Accepting(asyncio.Protocol):
        def __init__(self, **_: object) -> None: ...

        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            accepted.append(cast(asyncio.Transport, transport))

    config = uvicorn.Config(hello, log_config=None, lifespan="off", http=cast(type[asyncio.Protocol], Accepting))
    config.load()
    server = DrainingServer(config, never)
    server.lifespan = config.lifespan_class(config)
    listener = socket.create_server(("127.0.0.1", 0))
    await server.startup(with_copies([listener]))
    try:
        assert len(server.servers) == ACCEPTS_PER_TURN
        clients = [socket.create_connection(listener.getsockname()) for _ in range(ACCEPTS_PER_TURN)]
        await until(lambda: len(accepted) == len(clients), "all connections")
        for transport in accepted:
            sock = transport.get_extra_info("socket")
            assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT) == NOTSENT_BYTES
            assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) > 0
    finally:
        for each in server.servers:
            each.close()
        for transport in accepted:
            transport.abort()
        for client in [*clients, listener]:
            client.close()
