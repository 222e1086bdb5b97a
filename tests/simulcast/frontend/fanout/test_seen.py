"""Changes of state that feeds know, within a bound."""

import pytest

from simulcast.frontend.fanout import seen
from simulcast.frontend.fanout.memory import MemoryPool
from simulcast.frontend.fanout.seen import SeenChanges
from simulcast.model.position import Position


def fill(changes: SeenChanges, count: int) -> None:
    for number in range(1, count + 1):
        assert changes.record((f"k{number}", "s:done"), Position(1, number))


def test_channels_share_a_bound_of_what_was_seen() -> None:
    pool = MemoryPool(100_000)
    small, large = SeenChanges(pool), SeenChanges(pool)
    fill(small, 20)
    fill(large, 1000)
    assert pool.used_bytes == small.held_bytes + large.held_bytes <= 100_000
    assert not small.record(("k1", "s:done"), Position(1, 21)), "the channel that had little lost it"
    assert not large.record(("k1000", "s:done"), Position(1, 1001))
    assert large.record(("k1", "s:done"), Position(1, 1002)), "the oldest ones are forgotten"
    small.clear()
    large.clear()
    assert pool.used_bytes == 0


def test_one_channel_knows_the_last_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seen, "MAX_SEEN", 10)
    changes = SeenChanges(MemoryPool())
    fill(changes, 10)
    changes.record(("k1", "s:done"), Position(1, 11))
    changes.record(("k11", "s:done"), Position(1, 12))
    assert sorted(changes.after(Position(1, 9))) == [("k1", "s:done"), ("k10", "s:done"), ("k11", "s:done")]
    assert changes.record(("k2", "s:done"), Position(1, 13)), "the one that was published longest ago is forgotten"
    changes.keep({"k1", "k2"})
    assert sorted(changes.after(Position(0, 0))) == [("k1", "s:done"), ("k2", "s:done")]


def test_what_is_dropped_counts_no_more() -> None:
    pool = MemoryPool()
    changes = SeenChanges(pool)
    fill(changes, 2)
    changes.drop(("k1", "s:done"))
    changes.drop(("never", "s:done"))
    assert pool.used_bytes == changes.held_bytes > 0
    changes.drop(("k2", "s:done"))
    assert pool.used_bytes == changes.held_bytes == 0
