import gc
import weakref

import pytest

from simulcast.frontend.fanout import backlog as backlog_module
from simulcast.frontend.fanout.backlog import Backlog, SliceCache
from simulcast.frontend.fanout.deflate import Deflate
from simulcast.frontend.fanout.entries import Entry
from simulcast.frontend.fanout.feed import Feed
from simulcast.frontend.fanout.log import Log
from simulcast.frontend.fanout.memory import ENTRY_OVERHEAD_BYTES, MemoryPool
from simulcast.frontend.fanout.snapshot import ChannelSnapshot
from simulcast.frontend.fanout.view import View
from simulcast.model.position import Position
from tests.clocks import Clock
from tests.fake_clients import Socket, entry, log_frames, make_hub, texts
from tests.publications import EPOCH, publication


def feed_with(*labels: str) -> Feed:
    feed = Feed(make_hub(Clock()))
    feed.load_snapshot(Position(EPOCH, 0), "tag", [], {})
    for number, label in enumerate(labels, 1):
        kind, _, key = label.partition(" ")
        feed.accept(publication(number, kind, key))
    return feed


def offsets(socket: Socket) -> list[int]:
    return [int(text.split('"')[3].partition("-")[2]) for text in socket.texts]


def joined(feed: Feed, resumable: bool) -> list[int]:
    socket = Socket(feed.hub)
    feed.hub.join(socket.client, place=feed.place_in_snapshot(resumable))
    return offsets(socket)


def test_running_downloads_come_before_ended_ones_and_an_end_before_a_new_life() -> None:
    feed = feed_with("e:download_error:1:1 a", "e:download_complete:1:1 b", "s:download_queued:2:2 a", "p c")
    assert joined(feed, resumable=False) == [1, 3, 4, 2]


def test_a_snapshot_that_was_read_a_moment_ago_is_not_given_once_it_was_replaced() -> None:
    feed = feed_with("s:download_queued:1:1 a", "e:download_complete:1:1 b")
    assert joined(feed, resumable=False) == [1, 2]
    feed.reset()
    feed.load_snapshot(Position(EPOCH + 1, 0), "tag2", [], {})
    assert joined(feed, resumable=False) == []


def test_a_crowd_looks_once_through_the_downloads_that_have_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    feed = feed_with(*(f"e:download_complete:1:1 {number}" for number in range(50)))
    looks = 0
    is_over = ChannelSnapshot.is_over

    def count(self: ChannelSnapshot, entry: Entry, until: int) -> bool:
        nonlocal looks
        looks += 1
        return is_over(self, entry, until)

    monkeypatch.setattr(ChannelSnapshot, "is_over", count)
    assert joined(feed, resumable=False) == list(range(1, 51))
    looks = 0
    assert joined(feed, resumable=False) == list(range(1, 51))
    assert looks == 0
    feed.accept(publication(51, "s:download_queued:1:1", "a"))
    assert joined(feed, resumable=False) == [51, *range(1, 51)]
    assert looks < 5


def test_an_end_is_sent_once_whenever_its_download_begins_again() -> None:
    feed = feed_with("s:download_queued:1:1 c", "e:download_error:1:1 a")
    slow = Socket(feed.hub, room=0)
    feed.hub.join(slow.client, place=feed.place_in_snapshot(resumable=False))
    assert joined(feed, resumable=False) == [1, 2]
    feed.accept(publication(3, "s:download_queued:2:2", "a"))
    assert joined(feed, resumable=False) == [1, 2, 3]
    slow.capacity = 10**6
    slow.drain()
    feed.hub.flush()
    assert offsets(slow) == [1, 2, 3]


def test_a_client_that_resumes_after_the_newest_event_it_saw_gets_the_snapshot_by_position() -> None:
    feed = feed_with("e:download_complete:1:1 b", "p c", "e:download_complete:1:1 d", "p e")
    assert joined(feed, resumable=True) == [1, 2, 3, 4]


def test_events_that_come_while_a_client_reads_the_snapshot_replace_what_it_has_not_read() -> None:
    feed = feed_with(*(f"p k{number}" for number in range(5)))
    slow = Socket(feed.hub, room=0)
    slow.client.paused = True
    feed.hub.join(slow.client, place=feed.place_in_snapshot(resumable=False))
    feed.accept(publication(6, "p", "k0"))
    feed.accept(publication(7, "e:download_complete:1:1", "k1"))
    feed.accept(publication(8))
    slow.capacity = 10**6
    slow.drain()
    feed.hub.flush()
    assert offsets(slow) == [3, 4, 5, 6, 7, 8]


def test_a_crowd_that_joins_shares_what_was_compressed_once() -> None:
    feed = feed_with(*(f"p k{number}" for number in range(50)))
    view = View("downloads", deflate=Deflate(12))
    slices = [feed.backlog.read(view, feed.place_in_snapshot(resumable=False)) for _ in range(100)]
    assert len({id(piece) for piece in slices}) == 1


def test_joined_events_are_not_given_to_clients_of_a_view_that_does_not_join_them() -> None:
    feed = feed_with(*(f"p k{number}" for number in range(3)))
    read = []
    for joined in (False, True, False):
        place = feed.place_in_snapshot(resumable=False)
        piece = feed.backlog.read(View("downloads", joined=joined), place)
        assert piece is not None and piece.events == 3
        read.append(texts(piece.batch))
    assert read[0] == read[2] == read[1][0].split("\x1e")


def test_slices_that_nobody_reads_any_more_make_room() -> None:
    cache = SliceCache()
    for number in range(1000):
        cache.put(number, backlog_module.Slice(b"x" * 64_000, 1, number))
    assert cache.get(0) is None and cache.get(999) is not None
    assert cache._bytes <= backlog_module.MAX_CACHED_BYTES


def test_channels_share_a_bound_and_the_largest_one_loses_its_older_half() -> None:
    pool = MemoryPool(100_000)
    small, large = Log(pool=pool), Log(pool=pool)
    small.append(entry("s" * 1000))
    for _ in range(200):
        large.append(entry("x" * 1000))
        assert pool.used_bytes <= pool.max_bytes
        assert pool.used_bytes == small.held_bytes + large.held_bytes
    assert log_frames(small, 0) is not None, "a small channel pays for a large one"
    assert log_frames(large, 0) is None
    large.clear()
    assert pool.used_bytes == small.held_bytes == 1000 + 4 + ENTRY_OVERHEAD_BYTES


def test_snapshots_share_a_bound_too() -> None:
    pool, clock = MemoryPool(100_000), Clock()
    snapshots = [ChannelSnapshot(clock, pool) for _ in range(5)]
    for number in range(200):
        snapshots[number % 5].apply(entry("x" * 1000, "p", str(number)))
    assert pool.used_bytes == sum(snapshot.held_bytes for snapshot in snapshots) <= pool.max_bytes
    assert all(snapshot.entries() for snapshot in snapshots)


def test_three_hundred_views_hold_no_copy_of_the_log() -> None:
    clock = Clock()
    feed = feed_with()
    pool = feed.backlog.log._pool
    for number in range(300):
        view = View("downloads", with_channel=True, interval_ms=(number + 1) * 100)
        hub = type(feed.hub)(feed.backlog, clock, clock.call_at, feed.hub.counters, view)
        hub.join(Socket(hub).client)
        feed.add_view(view, hub)
    for number in range(1, 200):
        feed.accept(publication(number, text='{"t":"%s"}' % ("x" * 1000)))
    assert pool.used_bytes < 200 * (1100 + ENTRY_OVERHEAD_BYTES)
    assert all(not hub._slice for view, hub in feed.views.items())


def test_a_channel_that_is_left_gives_its_memory_back_without_the_collector() -> None:
    gc.collect()
    gc.disable()
    try:
        clock = Clock()
        feed = Feed(make_hub(clock))
        feed.load_snapshot(Position(EPOCH, 0), "tag", [], {})
        feed.accept(publication(1, "p", "a"))
        feed.add_view(View("downloads", marks=True), make_hub(clock))
        pool, feed_ref, hub_ref = feed.log._pool, weakref.ref(feed), weakref.ref(feed.hub)
        clock.advance(1)
        feed.close()
        assert pool.used_bytes == 0
        del feed
        assert feed_ref() is None and hub_ref() is None, "a cycle keeps it"
    finally:
        gc.enable()


def test_backlogs_of_two_channels_share_no_slices() -> None:
    clock, cache = Clock(), SliceCache()
    first, second = (Backlog(Log(), ChannelSnapshot(clock), cache, clock) for _ in range(2))
    for backlog, text in ((first, "first"), (second, "second")):
        backlog.log.append(entry(text))
        piece = backlog.read(View("a"), backlog.at_cursor(0))
        assert piece is not None and text.encode() in piece.batch
