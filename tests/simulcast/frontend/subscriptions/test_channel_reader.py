"""The bounds of a channel that is read without a connection."""

import pytest

from simulcast.frontend.fanout.feed import Feed
from simulcast.frontend.subscriptions import channel_reader
from simulcast.model.position import Position
from tests.clocks import Clock
from tests.fake_clients import make_hub
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
