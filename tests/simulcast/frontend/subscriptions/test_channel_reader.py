"""The bounds of a channel that is read without a connection."""

from types import SimpleNamespace
from typing import cast

import pytest

from simulcast.broker import Broker
from simulcast.frontend.fanout.feed import Feed
from simulcast.frontend.ingest.listener_pool import ListenerPool
from simulcast.frontend.subscriptions import channel_reader
from simulcast.frontend.subscriptions.channel_reader import ChannelReader
from simulcast.frontend.subscriptions.channels import IDLE_CHANNEL_TTL_S
from simulcast.model.position import Position
from tests.clocks import Clock
from tests.fake_clients import make_hub
from tests.fake_listeners import make_channels
from tests.publications import publication


def test_a_snapshot_beyond_the_bound_lacks_its_oldest_entries_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    feed = Feed(make_hub(Clock()))
    feed.load_snapshot(Position(1790000000000, 0), "tag", [], {})
    for n in range(10):
        feed.accept(publication(n + 1, "p", f"k{n}"))
    complete = channel_reader._read_snapshot(feed)
    assert (len(complete.events), complete.complete) == (10, True)
    size = sum(len(entry.frame) for entry in feed.snapshot.entries()[-3:])
    monkeypatch.setattr(channel_reader, "MAX_STATE_BYTES", size)
    part = channel_reader._read_snapshot(feed)
    assert (part.events, part.complete, part.position) == (complete.events[-3:], False, complete.position)


async def test_a_channel_that_is_read_is_kept_meanwhile() -> None:
    clock = Clock()
    channels, _ = make_channels(clock)
    feed = await channels.follow("a")
    feed.accept(publication(1, "p", "k", epoch=1))
    await channels.sweep()

    async def catch_up(channel: str) -> None:
        clock.advance(IDLE_CHANNEL_TTL_S + 1)
        await channels.sweep()

    listeners = cast(ListenerPool, SimpleNamespace(catch_up=catch_up))
    state = await ChannelReader(channels, listeners, cast(Broker, None)).state("a", "")
    assert (len(state.events), "a" in channels.feeds) == (1, True)
