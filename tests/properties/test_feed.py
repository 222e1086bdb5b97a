"""Feed.accept, with every order of publications from the history and the live flow."""

from hypothesis import given, settings
from hypothesis import strategies as st

from simulcast.frontend.fanout.feed import Feed, Outcome
from simulcast.frontend.fanout.frames import payload_of
from simulcast.frontend.fanout.recovery import conflate
from simulcast.model.position import Position
from simulcast.model.publication import Publication, from_message
from tests.clocks import Clock
from tests.fake_clients import Socket, make_hub
from tests.properties.model import wire

EPOCH = 1000
MOST = 12


def publication_at(offset: int, epoch: int = EPOCH) -> Publication:
    kind = "-ps"[offset % 3]
    label = f"s:download_paused:1:{offset}" if kind == "s" else kind
    return Publication(Position(epoch, offset), label, "a" if kind != "-" else "", b'{"n":%d}' % offset)


arrivals = st.lists(st.tuples(st.integers(1, MOST), st.sampled_from([EPOCH, EPOCH, EPOCH, EPOCH - 1, EPOCH + 1])))


@settings(max_examples=300)
@given(arrivals, st.integers(0, MOST))
def test_whatever_arrives_each_offset_is_delivered_once_in_order_and_the_outcome_tells_why_not(
    arriving: list[tuple[int, int]], start: int
) -> None:
    clock = Clock()
    feed = Feed(make_hub(clock))
    assert feed.accept(publication_at(1)) is Outcome.OTHER_EPOCH
    feed.load_snapshot(Position(EPOCH, start), "tag", [], {})
    socket = Socket(feed.hub)
    feed.hub.join(socket.client, b"")
    here = start
    for offset, epoch in arriving:
        outcome = feed.accept(publication_at(offset, epoch))
        if epoch != EPOCH:
            assert outcome is Outcome.OTHER_EPOCH
        elif offset <= here:
            assert outcome is Outcome.DUPLICATE
        elif offset == here + 1:
            assert outcome is Outcome.ACCEPTED
            here += 1
        else:
            assert outcome is Outcome.GAP
        assert feed.position == Position(EPOCH, here)
    clock.advance(1)
    assert socket.got == [wire(publication_at(offset)) for offset in range(start + 1, here + 1)]


@settings(max_examples=200)
@given(st.lists(st.sampled_from(["history", "live", "lose", "again"]), max_size=40), st.randoms(use_true_random=False))
def test_two_flows_of_the_same_events_are_one_flow_to_the_client(steps: list[str], random: object) -> None:
    """Fill in from the history while the live flow goes on, loses and repeats."""
    clock = Clock()
    feed = Feed(make_hub(clock))
    feed.load_snapshot(Position(EPOCH, 0), "tag", [], {})
    socket = Socket(feed.hub)
    feed.hub.join(socket.client, b"")
    filled = live = 0
    for step in steps:
        if step == "history":
            filled += 1
            feed.accept(publication_at(filled))
        elif step == "lose":
            live += 1
        else:
            live += step == "live"
            if live:
                feed.accept(publication_at(live))
    top = max(filled, live)
    assert feed.position is not None
    for offset in range(feed.position.offset + 1, top + 1):
        feed.accept(publication_at(offset))
    clock.advance(1)
    assert socket.got == [wire(publication_at(offset)) for offset in range(1, top + 1)]


def test_a_page_of_large_publications_is_given_whole() -> None:
    rows = [Publication(Position(EPOCH, offset), "-", "", b'{"f":"%b"}' % (b"x" * 60_000)) for offset in range(1, 301)]
    assert [payload_of(entry.frame) for entry in conflate(rows)] == [wire(row) for row in rows]


@settings(max_examples=200)
@given(st.binary(max_size=8))
def test_what_looks_like_a_broker_is_read_or_is_none_whatever_its_bytes(key: bytes) -> None:
    found = from_message(b"0123456789ab 1-1 - " + key + b"\n{}")
    assert found is None or found[0] == "0123456789ab"
    assert from_message(b"0123456789ab 1-1 - \xff\n{}") is None
