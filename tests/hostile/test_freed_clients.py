"""Clients that left, in every state: all that they had is freed without the garbage collector."""

import gc
import weakref

import pytest

from simulcast.frontend.subscriptions.subscriber import Subscriber
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
