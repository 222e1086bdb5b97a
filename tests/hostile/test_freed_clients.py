"""Clients that left, in every state: all that they had is freed without the garbage collector."""

import asyncio
import gc
import weakref

import pytest

from app.server.connection import Connection
from simulcast.frontend.subscriptions.subscriber import Subscriber
from simulcast.frontend.transport.message_parser import MessageParser
from simulcast.frontend.transport.websocket import WebSocketConnection
from tests.conditions import until
from tests.hostile.unread import VERSIONED, join, read_until, running
from tests.valkey import Valkey

WAYS = {
    "a full stream": ("/events?channel={channel}", None, False),
    "a stream that reads": ("/events?channel={channel}", None, True),
    "a stream from the history": ("/events?channel={channel}&since={first}", None, False),
    "a stream of several channels": ("/events?channel={channel}&channel={channel}-2", None, False),
    "a full WebSocket": ("/ws?channel={channel}", VERSIONED, False),
    "a WebSocket that reads": ("/ws?channel={channel}", VERSIONED, True),
    "a WebSocket from the history": ("/ws?channel={channel}&since={first}", VERSIONED, False),
}


@pytest.mark.parametrize("way", WAYS)
async def test_a_client_that_left_is_freed_without_the_collector(valkey: Valkey, channel: str, way: str) -> None:
    target, more, reads = WAYS[way]
    async with running(valkey, channel) as (live, port, positions):
        gc.disable()
        try:
            connection = join(port, target.format(channel=channel, **positions), more)
            if reads:
                await read_until(connection, b'"number":59')
            await until(lambda: len(live.services.connected) == 1, "the client")
            if not reads:
                await until(lambda: next(iter(live.services.connected))._stalled_since is not None, "its full socket")
            client = weakref.ref[Subscriber](next(iter(live.services.connected)))
            connection.close()
            await until(lambda: client() is None, "its memory")
        finally:
            gc.enable()


@pytest.mark.parametrize("visits", ["the channel", "a channel that is new", "a channel of no valid name"])
@pytest.mark.parametrize(
    "stays_s",
    [pytest.param(0.0, marks=pytest.mark.long), 0.01],
    ids=["leaves at once", "leaves while it joins"],
)
async def test_nothing_of_a_connection_is_left_to_the_collector(
    valkey: Valkey, channel: str, visits: str, stays_s: float
) -> None:
    names = {"the channel": channel, "a channel that is new": f"{channel}-{{}}", "a channel of no valid name": "%20"}
    async with running(valkey, channel) as (_, port, _):
        gc.collect()
        gc.disable()
        try:
            before = count_protocols()
            for number in range(20):
                with join(port, f"/ws?channel={names[visits].format(number)}", VERSIONED):
                    await asyncio.sleep(stays_s)
            await until(lambda: count_protocols() <= before, "what the connections had")
        finally:
            gc.enable()


@pytest.mark.parametrize("way", ["a stream that reads", "a WebSocket that reads"])
async def test_a_client_that_left_before_it_had_joined_is_freed_too(
    valkey: Valkey, channel: str, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    target, more, _ = WAYS[way]
    has_left = asyncio.Event()
    join_all = Subscriber.follow_all

    async def join_late(self: Subscriber) -> None:
        await has_left.wait()
        await join_all(self)

    monkeypatch.setattr(Subscriber, "follow_all", join_late)
    monkeypatch.setattr(Subscriber, "follow_now", lambda self: False)
    async with running(valkey, channel) as (live, port, _):
        gc.disable()
        try:
            connection = join(port, target.format(channel=channel), more)
            await until(lambda: len(live.services.connected) == 1, "the client")
            client = weakref.ref[Subscriber](next(iter(live.services.connected)))
            connection.close()
            await until(lambda: not live.services.connected, "its end")
            has_left.set()
            await until(lambda: client() is None, "its memory")
        finally:
            gc.enable()


def count_protocols() -> int:
    """Return how many objects of connections there are, free or not."""
    return sum(isinstance(one, Connection | WebSocketConnection | MessageParser) for one in gc.get_objects())
