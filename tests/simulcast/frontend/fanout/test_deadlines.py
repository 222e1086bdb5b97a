"""Keys that nobody owns leave a front-end's own snapshot after their time of silence."""

from simulcast.frontend.fanout.entries import Entry
from simulcast.frontend.fanout.feed import Feed
from simulcast.frontend.fanout.frames import text_frame
from simulcast.frontend.fanout.snapshot import MAX_ENTRIES, ChannelSnapshot
from simulcast.model.events import Event
from simulcast.model.position import Position
from simulcast.model.publication import Publication, from_stream
from tests.clocks import Clock
from tests.fake_clients import entry, make_hub, texts

EPOCH = 1790000000000


def timed(text: str, label: str, key: str, ttl_s: int, offset: int = 1) -> Entry:
    return Entry(offset, label, key, text_frame(text.encode()), ttl_s)


def shown(snapshot: ChannelSnapshot) -> list[str]:
    return texts(b"".join(each.frame for each in snapshot.entries()))


def test_a_key_leaves_after_the_time_of_its_newest_event() -> None:
    clock = Clock()
    snapshot = ChannelSnapshot(clock)
    snapshot.apply(timed("started", "s:download_started::", "a", 600))
    snapshot.apply(timed("a1", "p", "a", 30))
    snapshot.apply(timed("b1", "p", "b", 600))
    clock.advance(29)
    snapshot.apply(timed("a2", "p", "a", 30))
    clock.advance(29)
    assert shown(snapshot) == ["started", "b1", "a2"]
    clock.advance(1)
    assert shown(snapshot) == ["b1"]
    clock.advance(600)
    assert shown(snapshot) == []


def test_a_silence_counts_from_before_the_snapshot_was_read() -> None:
    clock = Clock()
    feed = Feed(make_hub(clock))
    rows = [
        Publication(Position(EPOCH, 1), "s:download_started::", "a", b'{"n":1}', "", 60),
        Publication(Position(EPOCH, 2), "e:::", "b", b'{"n":2}', "", 0),
        Publication(Position(EPOCH, 3), "p", "a", b'{"n":3}', "", 60),
    ]
    feed.load_snapshot(Position(EPOCH, 3), "tag", rows, {"b": 5.0, "a": 500.0}, {"a": 50.0})
    clock.advance(9)
    assert len(shown(feed.snapshot)) == 3
    clock.advance(1)
    assert shown(feed.snapshot) == ['{"event_id":"1790000000000-2","n":2}']


def test_an_owner_and_an_end_take_the_deadline_away() -> None:
    clock = Clock()
    snapshot = ChannelSnapshot(clock)
    for key in "ab":
        snapshot.apply(timed(f"{key}1", "p", key, 10))
    snapshot.apply(entry("a paused", "s:download_paused:1:7", "a"))
    snapshot.apply(entry("b end", "e:::", "b"))
    clock.advance(100)
    assert shown(snapshot) == ["a1", "a paused", "b end"]


def test_an_event_that_no_broker_published_expires_but_lets_no_owned_download_expire() -> None:
    clock = Clock()
    feed = Feed(make_hub(clock), silent_ttl_s=20)
    feed.load_snapshot(Position(EPOCH, 0), "tag", [], {})
    paused = from_stream(b"1790000000000-1", b"s:download_paused:1:1 a\n{}")
    feed.accept(paused)
    for key in "ab":
        feed.accept_external(Event(b'{"forged":"%b"}' % key.encode(), key, "p"))
    assert len(shown(feed.snapshot)) == 3
    clock.advance(21)
    assert shown(feed.snapshot) == ['{"event_id":"1790000000000-1"}', '{"forged":"a"}']


def test_deadlines_of_keys_that_the_bound_dropped_are_forgotten() -> None:
    snapshot = ChannelSnapshot(Clock())
    for n in range(MAX_ENTRIES + 100):
        snapshot.apply(timed(str(n), "p", str(n), 600))
    assert len(snapshot._deadlines._by_key) == len(snapshot.entries()) == MAX_ENTRIES
