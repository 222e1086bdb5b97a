"""Channels whose listeners need no Redis."""

import asyncio

from simulcast.frontend.fanout.counters import Counters
from simulcast.frontend.fanout.feed import Feed
from simulcast.frontend.ingest.due_flushes import DueFlushes
from simulcast.frontend.subscriptions.channels import Channels
from simulcast.model.channel import ChannelNames
from simulcast.model.position import Position
from tests.clocks import Clock


class FakeListeners:
    """A stand-in for the listeners: every channel starts immediately."""

    def __init__(self) -> None:
        self.followed: dict[str, Feed] = {}

    def add(self, channel: str, feed: Feed) -> None:
        ChannelNames(channel)
        feed.load_snapshot(Position(1, 0), "tag", [], {})
        self.followed[channel] = feed

    async def follow(self, channel: str, feed: Feed) -> None:
        if channel not in self.followed:
            self.add(channel, feed)

    async def leave(self, channel: str) -> None:
        del self.followed[channel]


def make_channels(clock: Clock) -> tuple[Channels, FakeListeners]:
    listeners = FakeListeners()
    flushes = DueFlushes(asyncio.get_running_loop())
    return Channels("permanent", listeners, flushes, Counters(clock)), listeners  # type: ignore[arg-type]
