"""Counters of plain hubs and feeds, by a clock that is moved by hand."""

import pytest

from simulcast.frontend.fanout.counters import Counters, Histogram
from simulcast.frontend.fanout.feed import Feed, Outcome
from simulcast.frontend.fanout.latency import MAX_PENDING_FLUSHES, Latency
from simulcast.model.position import Position
from tests.clocks import Clock
from tests.fake_clients import Socket, entry, make_hub, publish_entry
from tests.publications import EPOCH, publication

START = Position(EPOCH, 0)


def feed_at(clock: Clock) -> Feed:
    feed = Feed(make_hub(clock))
    feed.load_snapshot(START, "tag", [], {})
    return feed


def samples(counters: Counters) -> tuple[int, float]:
    """Return the number of latencies, and their sum in seconds."""
    return sum(counters.latencies.counts), counters.latencies.sum


def test_an_event_to_three_clients_is_three_deliveries_and_three_times_its_bytes() -> None:
    clock = Clock()
    hub = make_hub(clock)
    for _ in range(3):
        hub.join(Socket(hub).client, b"")
    before = hub.counters.sent_bytes
    publish_entry(hub, entry("one"))
    publish_entry(hub, entry("two"))
    clock.advance(0)
    assert hub.counters.deliveries == 6
    assert hub.counters.sent_bytes - before == 3 * len(entry("one").frame + entry("two").frame)
    assert sum(hub.counters.flushes.counts) == 1


def test_what_a_client_that_was_behind_gets_is_counted_without_what_was_superseded() -> None:
    clock = Clock()
    hub = make_hub(clock)
    slow = Socket(hub, room=1)
    hub.join(slow.client, entry("snapshot").frame)
    for n in range(5):
        publish_entry(hub, entry(f"p{n}", "p", "x"))
        clock.advance(1)
    assert hub.counters.deliveries == 1
    slow.capacity = 10**6
    slow.drain()
    assert hub.counters.deliveries == 2


def test_a_client_that_is_cut_is_counted() -> None:
    hub = make_hub(Clock())
    hub.join(Socket(hub).client)
    hub.disconnect_all()
    assert hub.counters.disconnects == 1


def test_with_an_interval_what_was_superseded_is_no_delivery() -> None:
    clock = Clock()
    hub = make_hub(clock, interval_ms=1000)
    hub.join(Socket(hub).client, entry("hello").frame)
    for n in range(10):
        publish_entry(hub, entry(f"p{n}", "p", "x"))
    clock.advance(1)
    assert hub.counters.deliveries == 2


def test_gaps_and_epochs_are_counted() -> None:
    feed = feed_at(Clock())
    counters = feed.hub.counters
    assert (counters.gaps_found, counters.epochs) == (0, 0)  # the first epoch is no news
    assert feed.accept(publication(2)) is Outcome.GAP
    feed.start_epoch(Position(EPOCH + 1, 0), "other")
    assert (counters.gaps_found, counters.epochs) == (1, 1)


def test_a_bound_belongs_to_what_is_below_it() -> None:
    histogram = Histogram((0.1, 1.0))
    for seconds in (0.05, 0.1, 0.5, 2.0):
        histogram.observe(seconds)
    assert histogram.counts == [2, 1, 1]
    assert histogram.sum == pytest.approx(2.65)


def test_an_event_that_was_flushed_before_redis_said_when_it_had_it_is_measured() -> None:
    clock = Clock()
    feed = feed_at(clock)
    for offset in (1, 2, 3):
        feed.accept(publication(offset))
        clock.advance(1)
    feed.latency.record_head(Position(EPOCH, 2), clock.now - 1.5)  # flushed a second ago
    assert samples(feed.hub.counters) == (1, 0.5)
    assert feed.hub.counters.pop_max_latency_s() == 0.5
    assert feed.hub.counters.pop_max_latency_s() is None


def test_an_event_that_has_not_come_yet_is_measured_when_it_is_flushed() -> None:
    clock = Clock()
    feed = feed_at(clock)
    feed.latency.record_head(Position(EPOCH, 1), clock.now - 1)
    clock.advance(2)
    feed.latency.record_head(
        Position(EPOCH, 2), clock.now
    )  # the older one waits for longer, and is the one that counts
    feed.accept(publication(1))
    feed.accept(publication(2))
    clock.advance(0)
    assert samples(feed.hub.counters) == (1, 3.0)


def test_each_event_is_measured_once_and_only_where_its_flush_is_known() -> None:
    clock = Clock()
    counters = Counters(clock)
    latency = Latency(counters)
    latency.record_head(START, 0.0)  # nothing was published yet
    latency.record_flush(Position(EPOCH, 7))
    latency.record_head(Position(EPOCH, 7), -100.0)  # flushed at some time before this process was there
    latency.record_head(Position(EPOCH, 8), None)
    assert samples(counters) == (0, 0)
    latency.record_flush(Position(EPOCH, 8))
    for _ in range(2):
        latency.record_head(Position(EPOCH, 8), -0.25)
    assert samples(counters) == (1, 0.25)
    for offset in range(9, 10 + MAX_PENDING_FLUSHES):
        latency.record_flush(Position(EPOCH, offset))
    latency.record_head(Position(EPOCH, 9), 0.0)  # forgotten: the oldest flush that is known may not be the one
    assert samples(counters)[0] == 1


def test_what_is_awaited_of_an_epoch_that_is_over_is_not_measured() -> None:
    clock = Clock()
    feed = feed_at(clock)
    feed.latency.record_head(Position(EPOCH, 1), clock.now)
    clock.advance(10)
    feed.start_epoch(Position(EPOCH + 1, 0), "other")
    feed.accept(publication(1, epoch=EPOCH + 1))
    clock.advance(0)
    assert samples(feed.hub.counters)[0] == 0
    feed.latency.record_head(Position(EPOCH + 1, 1), clock.now)
    assert samples(feed.hub.counters)[0] == 1
