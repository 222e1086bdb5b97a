"""A front-end whose channel has history, and clients that read nothing of it."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette

from simulcast.broker import Broker
from simulcast.frontend import FrontEnd
from simulcast.frontend.subscriptions.subscriber import Subscriber
from simulcast.frontend.transport.batch_writers import SSEWriter
from simulcast.model.position import Position
from tests.conditions import until
from tests.served import served
from tests.valkey import Valkey

EVENT_BYTES = 30_000
MAX_HELD_BYTES = 64 * 1024 + 100
BEFORE, AFTER = 60, 40  # events published before the clients join, and after
HANDSHAKE = (
    "GET {target} HTTP/1.1\r\nhost: 127.0.0.1\r\nupgrade: websocket\r\nconnection: Upgrade\r\n"
    "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nsec-websocket-version: 13\r\n{more}\r\n"
)
COMPRESSED = "sec-websocket-extensions: permessage-deflate\r\n"
VERSIONED = "sec-websocket-protocol: simulcast.v1\r\n"


def held_bytes(client: Subscriber) -> int:
    """Return the bytes that this process holds for one client."""
    writer = client.writer
    if isinstance(writer, SSEWriter):
        assert writer._transport is not None
        return writer._transport.get_write_buffer_size() + sum(map(len, writer._batches))
    size: int = writer.transport.get_write_buffer_size()  # type: ignore[attr-defined]
    return size


@asynccontextmanager
async def running(valkey: Valkey, channel: str) -> AsyncIterator[tuple[FrontEnd, int, dict[str, Position]]]:
    """Serve a channel that has history; yield the front-end, its port and two positions."""
    broker = Broker.connect(valkey.url)
    positions = [await publish_note(broker, channel, number) for number in range(BEFORE)]
    live = FrontEnd(valkey.url, channel=channel)
    app = Starlette(routes=live.routes)
    async with live.lifespan(), served(app, live.direct_endpoint, ws_per_message_deflate=True) as server:
        await until(lambda: live.not_ready() is None, "readiness")
        yield live, server.config.port, {"first": positions[0], "recent": positions[-10]}
    await broker.aclose()


async def publish_note(broker: Broker, channel: str, number: int) -> Position:
    # Random, so that compression doesn't make it small.
    event = {"type": "note", "number": number, "text": os.urandom(EVENT_BYTES // 2).hex()}
    position = await broker.publish(event, channel, key=f"k{number}")
    assert position is not None
    return position


def join(port: int, target: str, more: str | None, receive_buffer: int = 4096) -> socket.socket:
    """Send a request, and read nothing."""
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    connection.connect(("127.0.0.1", port))
    request = f"GET {target} HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n" if more is None else HANDSHAKE
    connection.sendall(request.format(target=target, more=more).encode())
    connection.setblocking(False)
    return connection


async def read_until(connection: socket.socket, end: bytes) -> bytes:
    received = bytearray()
    async with asyncio.timeout(60):
        while end not in received[-2 * EVENT_BYTES :]:
            chunk = await asyncio.get_running_loop().sock_recv(connection, 1_000_000)
            assert chunk, f"cut after {len(received):,} bytes"
            received += chunk
    return bytes(received)
