"""Clients that read slowly, all the time, and clients that have vanished: only the latter are cut."""

import asyncio
import itertools
import socket

import pytest
import websockets
from starlette.applications import Starlette

from app.server import connection
from simulcast.frontend import FrontEnd, services
from simulcast.frontend.subscriptions import subscriber
from simulcast.frontend.transport import progress
from tests.conditions import until
from tests.hostile.unread import COMPRESSED, VERSIONED, join, publish_note, read_until, running
from tests.raw_client import vanish
from tests.served import served
from tests.valkey import Valkey

EMPTY_PONG = bytes([0x8A, 0x80, 0, 0, 0, 0])
TIMEOUT_S = 6.0  # in place of a minute
RATE = 20_000  # bytes a second: of a client that takes 64 KiB, which the kernel sends in one piece, in 3 s
GONE = {
    "a WebSocket": ("/ws?channel={channel}", VERSIONED),
    "a WebSocket of two channels": ("/ws?channel={channel}&channel={channel}-2", COMPRESSED),
    "a stream": ("/events?channel={channel}", None),
    "a stream of two channels": ("/events?channel={channel}&channel={channel}-2&interval_ms=100", None),
}


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every timeout of a minute, and the sweep, be a tenth or less."""
    monkeypatch.setattr(progress, "UNACKNOWLEDGED_TIMEOUT_S", TIMEOUT_S)
    monkeypatch.setattr(subscriber, "SLOW_CLIENT_TIMEOUT_S", TIMEOUT_S)
    monkeypatch.setattr(connection, "WRITE_TIMEOUT_S", TIMEOUT_S)
    monkeypatch.setattr(services, "SWEEP_INTERVAL_S", 0.2)
    monkeypatch.setattr(services, "PING_INTERVAL_S", 1.0)  # of the marks


@pytest.mark.long
@pytest.mark.usefixtures("hasty")
async def test_clients_on_a_slow_link_that_read_all_the_time_are_not_cut(valkey: Valkey, channel: str) -> None:
    async with running(valkey, channel) as (live, port, _), asyncio.TaskGroup() as group:
        reading = []
        for receive_buffer, more in itertools.product((4096, 32768), ("", f"&channel={channel}-2")):
            target = f"channel={channel}{more}"
            stream = join(port, f"/events?{target}", None, receive_buffer)
            reading.append(group.create_task(read_stream_slowly(stream)))
            for compression in (None, "deflate"):
                client = await slow_websocket(port, target, receive_buffer, compression)
                reading.append(group.create_task(read_slowly(client)))
        await until(lambda: len(live.services.connected) == len(reading), "the clients")
        for number in range(8):
            await asyncio.sleep(TIMEOUT_S / 2)  # they read on meanwhile
            await publish_note(live.services.broker, channel, 1000 + number)
        assert len(live.services.connected) == len(reading)
        for task in reading:
            task.cancel()


async def slow_websocket(
    port: int, target: str, receive_buffer: int, compression: str | None
) -> websockets.ClientConnection:
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    connection.connect(("127.0.0.1", port))
    return await websockets.connect(
        f"ws://127.0.0.1:{port}/ws?{target}", sock=connection, max_queue=1, compression=compression, proxy=None
    )


async def read_slowly(client: websockets.ClientConnection) -> None:
    try:
        async for message in client:
            await asyncio.sleep(len(message) / RATE)
        raise AssertionError("the WebSocket ended")
    finally:
        client.transport.abort()


async def read_stream_slowly(connection: socket.socket) -> None:
    with connection:
        while data := await asyncio.get_running_loop().sock_recv(connection, RATE // 10):
            await asyncio.sleep(len(data) / RATE)
        raise AssertionError("the stream ended")


@pytest.mark.usefixtures("hasty")
@pytest.mark.parametrize("way", GONE)
async def test_a_client_that_vanished_is_forgotten_whether_its_socket_is_full_or_not(
    valkey: Valkey, channel: str, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    for module, name in ((progress, "UNACKNOWLEDGED_TIMEOUT_S"), (subscriber, "SLOW_CLIENT_TIMEOUT_S")):
        monkeypatch.setattr(module, name, 1.0)
    target, more = GONE[way]
    live = FrontEnd(valkey.url, channel=channel)
    app = Starlette(routes=live.routes)
    async with live.lifespan(), served(app, live.direct_endpoint, ws_ping_interval=0.5) as server:
        await until(lambda: live.not_ready() is None, "readiness")
        idle = join(server.config.port, target.format(channel=channel), more)
        await until(lambda: len(live.services.connected) == 1, "the client")
        vanish(idle)
        await live.publish({"type": "one more"})
        await until(lambda: not live.services.connected, "the cut of a client that has room")
        full = join(server.config.port, target.format(channel=channel), more)
        await until(lambda: len(live.services.connected) == 1, "the other client")
        vanish(full)
        for number in range(100):
            await publish_note(live.services.broker, channel, number)
        await until(lambda: not live.services.connected, "the cut of a client that has none")
        idle.close()
        full.close()


@pytest.mark.usefixtures("hasty")
async def test_a_client_whose_pongs_are_empty_is_there_and_one_that_says_nothing_is_gone(
    valkey: Valkey, channel: str
) -> None:
    live = FrontEnd(valkey.url, channel=channel)
    app = Starlette(routes=live.routes)
    async with live.lifespan(), served(app, live.direct_endpoint, ws_ping_interval=0.2) as server:
        await until(lambda: live.not_ready() is None, "readiness")
        target = GONE["a WebSocket"][0].format(channel=channel)
        with join(server.config.port, target, "") as sloppy, join(server.config.port, target, "") as silent:
            await until(lambda: len(live.services.connected) == 2, "both clients")
            while len(live.services.connected) == 2:
                sloppy.sendall(EMPTY_PONG)
                await asyncio.sleep(0.05)
            await live.publish({"type": "note", "of": "the one that is left"})
            await read_until(sloppy, b"the one that is left")
            assert b"left" not in silent.recv(10_000)
