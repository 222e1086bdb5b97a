"""Clients that stop to read, in every way of joining: none costs more memory than one slice."""

import asyncio
import json
import os
import re
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
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
VERSIONED = "sec-websocket-protocol: simulcast.v1\r\n"
COMPRESSED = "sec-websocket-extensions: permessage-deflate\r\n"
WAYS = {
    "the snapshot": ("/ws?channel={channel}", ""),
    "the snapshot behind a hello": ("/ws?channel={channel}", VERSIONED),
    "a replay from memory": ("/ws?channel={channel}&since={recent}", ""),
    "a replay from the history": ("/ws?channel={channel}&since={first}", VERSIONED),
    "a position of another epoch": ("/ws?channel={channel}&since=1-1", VERSIONED),
    "an interval": ("/ws?channel={channel}&interval_ms=100", ""),
    "several channels": ("/ws?channel={channel}&channel={channel}-2&since={channel}:{first}", VERSIONED),
    "compression": ("/ws?channel={channel}", COMPRESSED),
    "a stream of events": ("/events?channel={channel}", None),
    "a stream from the history": ("/events?channel={channel}&since={first}", None),
}


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
    async with live.lifespan(), served(Starlette(routes=live.routes), ws_per_message_deflate=True) as server:
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


def masked(text: str) -> bytes:
    assert len(text) < 126
    return bytes([0x81, 0x80 | len(text), 0, 0, 0, 0]) + text.encode()


async def read_until(connection: socket.socket, end: bytes) -> bytes:
    received = bytearray()
    async with asyncio.timeout(60):
        while end not in received[-2 * EVENT_BYTES :]:
            chunk = await asyncio.get_running_loop().sock_recv(connection, 1_000_000)
            assert chunk, f"cut after {len(received):,} bytes"
            received += chunk
    return bytes(received)


@pytest.mark.parametrize("way", WAYS)
async def test_a_client_that_reads_nothing_holds_one_slice_and_gets_the_rest_when_it_reads(
    valkey: Valkey, channel: str, way: str
) -> None:
    target, more = WAYS[way]
    async with running(valkey, channel) as (live, port, positions):
        target = target.format(channel=channel, **positions)
        connection = join(port, target, more)
        await until(lambda: len(live.services.connected) == 1, "the client")
        (client,) = live.services.connected
        await until(lambda: client._stalled_since is not None, "its full socket")
        for number in range(BEFORE, BEFORE + AFTER):
            await publish_note(live.services.broker, channel, number)
            assert held_bytes(client) <= MAX_HELD_BYTES
        await live.publish({"type": "the end"})
        if more == COMPRESSED:
            connection.close()
            return
        received = await read_until(connection, b"the end")
        ids = re.findall(rb'"event_id":"(\d+-\d+)"', received)
        assert len(ids) == len(set(ids)), "an event came twice"
        numbers = [int(number) for number in re.findall(rb'"number":(\d+)', received)]
        assert numbers == sorted(set(numbers))
        missing = set(range(60 if "memory" in way else 0, BEFORE + AFTER)) - set(numbers)
        assert missing <= ({0} if "first" in WAYS[way][0] else set()), missing
        connection.close()


async def test_a_subscription_of_a_client_that_is_behind_writes_nothing_to_its_full_socket(
    valkey: Valkey, channel: str
) -> None:
    async with running(valkey, channel) as (live, port, _):
        for number in range(BEFORE):
            await publish_note(live.services.broker, f"{channel}-2", number)
        connection = join(port, f"/ws?channel={channel}", VERSIONED)
        await until(lambda: len(live.services.connected) == 1, "the client")
        (client,) = live.services.connected
        await until(lambda: client._stalled_since is not None, "its full socket")
        connection.sendall(masked(json.dumps({"action": "subscribe", "channel": f"{channel}-2"})))
        await until(lambda: len(client._clients) == 2, "the subscription")
        assert held_bytes(client) <= MAX_HELD_BYTES
        await live.publish({"type": "the end"}, f"{channel}-2")
        received = await read_until(connection, b"the end")
        ids = re.findall(rb'"event_id":"(\d+-\d+)"', received)
        assert len(ids) == len(set(ids)) == 2 * BEFORE + 1
        connection.close()
