from dataclasses import replace

from simulcast.frontend.fanout.feed import Feed, Outcome
from simulcast.frontend.fanout.view import View
from simulcast.model.events import encode_external
from simulcast.model.position import Position
from simulcast.model.publication import Publication
from tests.clocks import Clock
from tests.fake_clients import Socket, entries_after, make_hub
from tests.publications import EPOCH, publication


class WatchedFeed:
    """A feed with one client that sees everything."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.feed = Feed(make_hub(self.clock))
        self.socket = Socket(self.feed.hub)
        self.feed.hub.join(self.socket.client, b"")
        self.feed.load_snapshot(Position(EPOCH, 0), "tag", [], {})

    def seen(self) -> list[str]:
        self.clock.advance(1)
        return [text.decode().removeprefix('{"event_id":"').partition('"')[0] for text in self.socket.got]


def test_offsets_in_order_are_taken_and_others_are_not() -> None:
    watched = WatchedFeed()
    take = watched.feed.accept
    assert take(publication(1)) is Outcome.ACCEPTED
    assert take(publication(1)) is Outcome.DUPLICATE
    assert take(publication(3)) is Outcome.GAP
    assert take(publication(2)) is Outcome.ACCEPTED
    assert take(publication(3)) is Outcome.ACCEPTED
    assert take(publication(1, epoch=EPOCH + 1)) is Outcome.OTHER_EPOCH
    assert watched.seen() == [f"{EPOCH}-{n}" for n in (1, 2, 3)]


def test_a_state_that_is_told_again_after_a_failover_is_dropped() -> None:
    watched = WatchedFeed()
    paused = publication(1, "s:download_paused:1:4", "a")
    watched.feed.accept(paused)
    watched.feed.start_epoch(Position(EPOCH + 5, 0), "tag2")
    watched.feed.load_snapshot(Position(EPOCH + 5, 0), "tag2", [paused], {})
    watched.feed.accept(publication(1, "s:download_paused:1:4", "a", EPOCH + 5))
    watched.feed.accept(publication(2, "s:download_paused:1:6", "a", EPOCH + 5))
    watched.feed.accept(publication(3, "e:download_complete::", "b", EPOCH + 5))
    watched.feed.accept(publication(4, "e:download_complete::", "b", EPOCH + 5))
    assert watched.seen() == [f"{EPOCH}-1", *(f"{EPOCH + 5}-{n}" for n in (2, 3, 4))]


def test_what_the_server_knows_nothing_of_any_more_may_be_told_again() -> None:
    watched = WatchedFeed()
    watched.feed.accept(publication(1, "s:download_queued:1:1", "a"))
    watched.feed.start_epoch(Position(EPOCH + 5, 0), "tag2")
    watched.feed.load_snapshot(Position(EPOCH + 5, 0), "tag2", [], {})
    watched.feed.accept(publication(1, "s:download_queued:1:1", "a", EPOCH + 5))
    assert watched.seen() == [f"{EPOCH}-1", f"{EPOCH + 5}-1"]


def failed_over(watched: WatchedFeed, *goes_on: Publication) -> None:
    """Fail over to a server that has no event after the first one."""
    watched.feed.invalidate(Position(EPOCH, 1))
    watched.feed.start_epoch(Position(EPOCH + 5, 0), "tag2")
    watched.feed.load_snapshot(Position(EPOCH + 5, 0), "tag2", goes_on, {})


def test_what_the_server_has_lost_and_tells_again_as_it_was_is_no_news() -> None:
    watched = WatchedFeed()
    watched.feed.accept(publication(1))
    watched.feed.accept(publication(2, "e:download_complete:1:3", "a"))
    watched.feed.accept(replace(publication(3, "e:download_complete::", "b"), dedup_id="b1"))
    watched.feed.accept(replace(publication(4), dedup_id="n1"))
    failed_over(watched)
    watched.feed.accept(publication(1, "e:download_complete:1:3", "a", EPOCH + 5))
    watched.feed.accept(replace(publication(2, "e:download_complete::", "b", EPOCH + 5), dedup_id="b1"))
    watched.feed.accept(replace(publication(3, epoch=EPOCH + 5), dedup_id="n1"))
    watched.feed.accept(replace(publication(4, epoch=EPOCH + 5), dedup_id="n2"))
    assert watched.seen() == [*(f"{EPOCH}-{n}" for n in (1, 2, 3, 4)), f"{EPOCH + 5}-4"]


def test_where_a_download_goes_another_way_after_a_failover_its_end_is_told_again() -> None:
    watched = WatchedFeed()
    started = publication(1, "s:download_started:1:2", "a")
    watched.feed.accept(started)
    watched.feed.accept(publication(2, "e:download_complete:1:3", "a"))
    failed_over(watched, started)
    watched.feed.accept(publication(1, "p", "a", EPOCH + 5))
    watched.feed.accept(publication(2, "e:download_complete:1:3", "a", EPOCH + 5))
    assert watched.seen() == [f"{EPOCH}-1", f"{EPOCH}-2", f"{EPOCH + 5}-1", f"{EPOCH + 5}-2"]


def test_a_client_that_knows_the_newest_state_is_not_led_through_older_ones_after_a_failover() -> None:
    watched = WatchedFeed()
    events = ("queued:1:1", "started:1:2", "paused:1:3", "queued:1:4", "resumed:1:5", "complete:1:6")
    labels = [f"{'e' if event.startswith('complete') else 's'}:download_{event}" for event in events]
    for number, label in enumerate(labels, 1):
        watched.feed.accept(publication(number, label, "a"))
    watched.feed.invalidate(Position(EPOCH, 0))
    watched.feed.start_epoch(Position(EPOCH + 5, 0), "tag2")
    watched.feed.load_snapshot(Position(EPOCH + 5, 0), "tag2", [], {})
    again = [labels[0], labels[1], "s:download_queued:1:3", labels[4], labels[5]]
    for number, label in enumerate(again, 1):
        watched.feed.accept(publication(number, label, "a", EPOCH + 5))
    assert shown(watched) == [f"{labels[5]} a"]
    watched.clock.advance(31)
    assert not watched.feed.has_lost_events()
    assert len(watched.seen()) == len(labels)


def test_a_download_that_is_paused_again_after_a_failover_is_news_and_its_end_is_none() -> None:
    watched = WatchedFeed()
    for number, label in enumerate(("s:download_queued:1:1", "s:download_paused:1:3"), 1):
        watched.feed.accept(publication(number, label, "a"))
    watched.feed.accept(publication(3, "e:download_complete:1:3", "b"))
    failed_over(watched, publication(1, "s:download_queued:1:1", "a"))
    watched.feed.accept(publication(1, "s:download_paused:1:4", "a", EPOCH + 5))
    watched.feed.accept(publication(2, "e:download_complete:1:4", "b", EPOCH + 5))
    watched.clock.advance(31)
    assert not watched.feed.has_lost_events()
    assert watched.seen() == [*(f"{EPOCH}-{n}" for n in (1, 2, 3)), f"{EPOCH + 5}-1"]


def test_where_the_newest_state_never_comes_again_clients_are_cut_unless_the_download_was_deleted() -> None:
    for last, are_cut in (("s:download_started:1:2", True), ("e:download_deleted:1:2", False)):
        watched = WatchedFeed()
        watched.feed.accept(publication(1, "s:download_queued:1:1", "a"))
        watched.feed.accept(publication(2, last, "a"))
        failed_over(watched)
        watched.clock.advance(31)
        assert watched.feed.has_lost_events() is are_cut


def test_a_deletion_that_the_server_has_lost_cuts_clients_where_it_has_the_download() -> None:
    watched = WatchedFeed()
    queued = publication(1, "s:download_queued:1:1", "a")
    watched.feed.accept(queued)
    watched.feed.accept(publication(2, "e:download_deleted:1:2", "a"))
    failed_over(watched, queued)
    assert not watched.feed.has_lost_events()
    watched.clock.advance(31)
    assert watched.feed.has_lost_events()


def shown(watched: WatchedFeed) -> list[str]:
    """Return the events that a joining client gets."""
    watched.feed.place_in_snapshot(resumable=False)
    return [f"{entry.label} {entry.key}" for entry in watched.feed.snapshot.entries()]


def test_who_joins_before_what_was_lost_is_told_again_is_told_it_too() -> None:
    watched = WatchedFeed()
    started, paused = (publication(n, f"s:download_{name}:1:{n}", "a") for n, name in ((1, "started"), (2, "paused")))
    watched.feed.accept(started)
    watched.feed.accept(paused)
    watched.feed.accept(replace(publication(3, "e:download_complete::", "b"), dedup_id="b1"))
    failed_over(watched, started)
    lost = ["s:download_paused:1:2 a", "e:download_complete:: b"]
    assert shown(watched) == lost
    watched.feed.accept(replace(publication(1, "e:download_complete::", "b", EPOCH + 5), dedup_id="b1"))
    watched.feed.invalidate(Position(EPOCH, 1))
    watched.feed.start_epoch(Position(EPOCH + 9, 0), "tag3")
    watched.feed.load_snapshot(Position(EPOCH + 9, 0), "tag3", [started], {})
    assert sorted(shown(watched)) == sorted(lost)
    watched.feed.accept(publication(1, "s:download_paused:1:2", "a", EPOCH + 9))
    watched.feed.accept(replace(publication(2, "e:download_complete::", "b", EPOCH + 9), dedup_id="b1"))
    assert shown(watched) == lost
    assert not watched.feed._masked.keys


def test_who_joins_after_a_download_went_another_way_is_told_that() -> None:
    watched = WatchedFeed()
    started = publication(1, "s:download_started:1:1", "a")
    watched.feed.accept(started)
    watched.feed.accept(publication(2, "e:download_complete:1:2", "a"))
    failed_over(watched, started)
    watched.feed.accept(publication(1, "s:download_paused:1:2", "a", EPOCH + 5))
    assert shown(watched) == ["s:download_paused:1:2 a"]


def test_what_was_lost_and_is_never_told_again_is_shown_for_ten_minutes() -> None:
    watched = WatchedFeed()
    watched.feed.accept(publication(1))
    watched.feed.accept(publication(2, "s:download_started:1:1", "a"))
    failed_over(watched)
    watched.clock.advance(599)
    assert shown(watched) == ["s:download_started:1:1 a"]
    watched.clock.advance(2)
    assert shown(watched) == []


def test_clients_keep_their_place_when_another_epoch_begins_and_old_tags_are_known() -> None:
    watched = WatchedFeed()
    watched.feed.accept(publication(1))
    watched.feed.start_epoch(Position(EPOCH + 5, 0), "tag2")
    watched.feed.accept(publication(1, epoch=EPOCH + 5))
    assert watched.seen() == [f"{EPOCH}-1", f"{EPOCH + 5}-1"]
    assert watched.feed.is_known_tag("tag")
    assert not watched.feed.is_known_tag("tag2")


def test_what_came_while_the_snapshot_was_read_is_neither_lost_from_it_nor_taken_twice() -> None:
    watched = WatchedFeed()
    watched.feed.expect_snapshot()
    for offset in (1, 2, 3):
        watched.feed.accept(publication(offset, "p", f"k{offset}"))
    watched.feed.load_snapshot(Position(EPOCH, 1), "tag", [publication(1, "p", "k1")], {})
    assert [entry.key for entry in watched.feed.snapshot.entries()] == ["k1", "k2", "k3"]
    assert watched.feed.accept(publication(3)) is Outcome.DUPLICATE
    assert watched.seen() == [f"{EPOCH}-{n}" for n in (1, 2, 3)]


def test_where_something_is_lost_every_client_is_cut() -> None:
    watched = WatchedFeed()
    watched.feed.reset()
    assert not watched.socket.open
    assert watched.feed.accept(publication(9)) is Outcome.OTHER_EPOCH


def test_what_was_preloaded_is_for_who_comes_back_and_for_nobody_else() -> None:
    clock = Clock()
    feed = Feed(make_hub(clock))
    feed.load_snapshot(Position(EPOCH, 3), "tag", [], {})
    feed.preload([publication(offset) for offset in (2, 3)])
    socket = Socket(feed.hub)
    feed.hub.join(socket.client, b"")
    feed.accept(publication(4))
    clock.advance(1)
    assert len(socket.got) == 1
    kept = entries_after(feed.hub.log, 1)
    assert kept is not None
    assert [entry.offset for entry in kept] == [2, 3, 4]
    assert entries_after(feed.hub.log, 0) is None


def test_a_first_snapshot_is_not_sent_to_anyone_as_news() -> None:
    clock = Clock()
    feed = Feed(make_hub(clock))
    socket = Socket(feed.hub)
    feed.hub.join(socket.client, b"")
    feed.load_snapshot(Position(EPOCH, 9), "tag", [publication(5, "p", "a")], {})
    clock.advance(1)
    assert socket.got == []
    assert feed.snapshot.entries()


def test_what_came_past_the_brokers_is_delivered_without_a_position() -> None:
    watched = WatchedFeed()
    watched.feed.accept_external("Hello")
    watched.feed.accept_external(
        encode_external('{"type":"download_progress","download_id":"x","progress":1,"speed":1}')
    )
    watched.clock.advance(1)
    assert watched.socket.got == [
        b"Hello",
        b'{"type":"download_progress","download_id":"x","progress":1.0,"speed":1}',
    ]
    assert watched.feed.position == Position(EPOCH, 0)


def test_who_joins_within_a_second_shares_the_bytes_and_misses_nothing() -> None:
    watched = WatchedFeed()
    backlog, view = watched.feed.backlog, View("a")
    watched.feed.accept(publication(1, "p", "k1"))
    first = backlog.read(view, backlog.at_snapshot(resumable=False))
    watched.feed.accept(publication(2, "p", "k2"))
    assert first is backlog.read(view, backlog.at_snapshot(resumable=False))
    late = Socket(watched.feed.hub)
    late.hub.join(late.client, place=backlog.at_snapshot(resumable=False))
    watched.clock.advance(1)
    assert late.got == watched.socket.got
    assert first is not backlog.read(view, backlog.at_snapshot(resumable=False))


def test_who_joins_is_not_given_what_no_snapshot_shows_and_was_published_before() -> None:
    watched = WatchedFeed()
    backlog = watched.feed.backlog
    watched.feed.accept(publication(1))
    late = Socket(watched.feed.hub)
    late.hub.join(late.client, place=backlog.at_snapshot(resumable=False))
    watched.clock.advance(1)
    assert late.got == []
