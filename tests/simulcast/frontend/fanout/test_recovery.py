from simulcast.frontend.fanout.entries import Entry
from simulcast.frontend.fanout.feed import CUT_TTL_S, Feed
from simulcast.frontend.fanout.frames import payload_of, payloads
from simulcast.frontend.fanout.log import Log
from simulcast.frontend.fanout.recovery import CatchUp, ReadHistory, Replay, conflate, plan_recovery
from simulcast.frontend.fanout.view import View
from simulcast.model.position import Position
from tests.clocks import Clock
from tests.fake_clients import make_hub
from tests.publications import EPOCH, publication


def make_feed(offsets: range, most_entries: int = 1000, clock: Clock | None = None) -> Feed:
    feed = Feed(make_hub(clock or Clock(), Log(max_entries=most_entries)))
    feed.load_snapshot(Position(EPOCH, offsets.start - 1), "tag", [], {})
    for offset in offsets:
        feed.accept(publication(offset, text=f'{{"n":{offset}}}'))
    return feed


def replayed(feed: Feed, step: object) -> list[int]:
    """Return the offsets of the events that bring the client up to date."""
    assert isinstance(step, Replay)
    piece = feed.backlog.read(View("downloads"), step.place)
    assert piece is not None
    return [int(payload.split(b'"')[3].split(b"-")[1]) for payload in payloads(piece.batch)]


def ids(entries: list[Entry]) -> list[int]:
    return [int(payload_of(entry.frame).split(b'"')[3].split(b"-")[1]) for entry in entries]


def test_what_memory_holds_is_recovered_from_memory() -> None:
    feed = make_feed(range(1, 6))
    step = plan_recovery(feed, Position(EPOCH, 3))
    assert isinstance(step, Replay) and step.recovered
    assert replayed(feed, step) == [4, 5]


def test_who_missed_nothing_gets_nothing() -> None:
    feed = make_feed(range(1, 6))
    assert replayed(feed, plan_recovery(feed, Position(EPOCH, 5))) == []


def test_what_memory_does_not_reach_is_asked_of_the_history() -> None:
    feed = make_feed(range(100, 106), most_entries=3)
    assert plan_recovery(feed, Position(EPOCH, 50)) == ReadHistory(Position(EPOCH, 50), Position(EPOCH, 105))
    assert isinstance(plan_recovery(feed, Position(EPOCH, 102)), Replay)


def test_a_client_that_is_ahead_of_this_process_waits_for_it() -> None:
    assert plan_recovery(make_feed(range(1, 3)), Position(EPOCH, 9)) == CatchUp()


def test_another_epoch_or_no_position_starts_over_with_the_snapshot() -> None:
    feed = make_feed(range(1, 2))
    feed.accept(publication(2, "p", "a"))
    assert plan_recovery(feed, Position(EPOCH + 1, 1)) == CatchUp()
    for since in (None, Position(EPOCH - 1, 1)):
        step = plan_recovery(feed, since)
        assert isinstance(step, Replay) and not step.recovered
        assert replayed(feed, step) == [2]


def test_a_client_that_was_cut_since_an_event_was_lost_gets_the_snapshot_though_its_position_is_of_this_epoch() -> None:
    clock = Clock()
    feed = make_feed(range(1, 3), clock=clock)
    feed.accept(publication(3, "s:download_started:1:2", "a"))
    feed.invalidate(Position(EPOCH, 2))
    feed.reset()
    feed.load_snapshot(Position(EPOCH, 4), "tag", [], {})
    feed.preload([publication(offset) for offset in range(1, 5)])
    for late_s, since, recovered in ((0, 3, False), (0, 4, False), (CUT_TTL_S, 3, False), (0, 4, True)):
        clock.advance(late_s)
        step = plan_recovery(feed, Position(EPOCH, since))
        assert isinstance(step, Replay)
        assert step.recovered is recovered


def test_a_piece_of_history_comes_without_what_is_superseded_in_it() -> None:
    rows = [publication(1, "p", "a"), publication(2), publication(3, "p", "a"), publication(4, "e:x:1:1", "b")]
    assert ids(conflate(rows)) == [2, 3, 4]
    assert conflate([]) == []
