import dataclasses

import pytest

from simulcast.frontend.fanout.backlog import SLICE_BYTES
from simulcast.frontend.fanout.hub import (
    FLUSH_BACKOFF_FACTOR,
    LATENCY_FIRST_FACTOR,
    MAX_FLUSH_DELAY_S,
    MAX_PENDING_SLICES,
)
from simulcast.frontend.fanout.log import Log
from simulcast.model.position import Position
from tests.clocks import Clock
from tests.fake_clients import Socket, entry, make_hub, publish_entry


def test_what_arrives_together_is_one_write_to_each_client() -> None:
    clock = Clock()
    hub = make_hub(clock)
    sockets = [Socket(hub) for _ in range(3)]
    for socket in sockets:
        hub.join(socket.client, b"")
    for n in range(5):
        publish_entry(hub, entry(str(n)))
    clock.advance(0)
    assert [socket.texts for socket in sockets] == [["0", "1", "2", "3", "4"]] * 3
    assert [socket.writes for socket in sockets] == [1, 1, 1]


def test_clients_that_stay_are_written_to_before_those_that_come_or_come_back() -> None:
    clock = Clock()
    hub = make_hub(clock)
    sockets = [Socket(hub) for _ in range(40)]
    for socket in sockets:
        hub.join(socket.client, b"")
    order: list[Socket] = []
    for socket in sockets:
        socket.on_write = lambda socket=socket: order.append(socket)  # type: ignore[misc]
    hub.leave(sockets[3].client)
    hub.join(sockets[3].client, b"")
    for n in range(2):
        publish_entry(hub, entry(str(n)))
        clock.advance(1)
    assert order == 2 * [*sockets[:3], *sockets[4:], sockets[3]]


def test_who_joins_between_publishing_and_flush_misses_and_repeats_nothing() -> None:
    clock = Clock()
    hub = make_hub(clock)
    early = Socket(hub)
    hub.join(early.client, b"")
    publish_entry(hub, entry("before"))
    late = Socket(hub)
    hub.join(late.client, entry("snapshot").frame)
    publish_entry(hub, entry("after"))
    clock.advance(0)
    publish_entry(hub, entry("later"))
    clock.advance(1)
    assert early.texts == ["before", "after", "later"]
    assert late.texts == ["snapshot", "after", "later"]


def test_a_stalled_client_gets_what_it_is_owed_without_what_is_superseded_and_harms_nobody() -> None:
    clock = Clock()
    hub = make_hub(clock)
    slow, fast = Socket(hub, room=3), Socket(hub)
    for socket in (slow, fast):
        hub.join(socket.client, b"")
    for n in range(10):
        publish_entry(hub, entry(f"p{n}", "p", "x"))
        clock.advance(1)
    publish_entry(hub, entry("end", "e:download_complete:1:1", "x"))
    clock.advance(1)
    assert len(fast.texts) == 11
    assert slow.texts == ["p0"]
    assert hub.lagging == 1
    slow.capacity = 10**6
    slow.drain()
    assert slow.texts == ["p0", "end"]
    publish_entry(hub, entry("next"))
    clock.advance(1)
    assert slow.texts == ["p0", "end", "next"]
    assert hub.lagging == 0


def test_a_client_that_pauses_inside_a_flush_has_its_true_cursor() -> None:
    clock = Clock()
    hub = make_hub(clock)
    sockets = [Socket(hub, room=room) for room in (2, 10**6, 2)]
    for socket in sockets:
        hub.join(socket.client, b"")
    publish_entry(hub, entry("one"))
    clock.advance(1)
    publish_entry(hub, entry("two"))
    clock.advance(1)
    for socket in sockets:
        socket.capacity = 10**6
        socket.drain()
    assert [socket.texts for socket in sockets] == [["one", "two"]] * 3


def test_a_client_that_pauses_before_its_turn_in_a_flush_is_not_skipped() -> None:
    clock = Clock()
    hub = make_hub(clock)
    sockets = [Socket(hub) for _ in range(8)]
    for socket in sockets:
        hub.join(socket.client, b"")

    def pause_all() -> None:
        for socket in sockets:
            if not socket.client.paused:
                hub.pause(socket.client)

    for socket in sockets:
        socket.on_write = pause_all
    publish_entry(hub, entry("one"))
    clock.advance(1)
    for socket in sockets:
        socket.on_write = lambda: None
    for socket in sockets:
        socket.drain()
    assert [socket.texts for socket in sockets] == [["one"]] * 8


def test_clients_that_leave_while_others_are_written_to_cost_them_nothing() -> None:
    clock = Clock()
    hub = make_hub(clock)
    sockets = [Socket(hub) for _ in range(20)]
    for socket in sockets:
        hub.join(socket.client, b"")
    leaving = sockets[::2]

    def leave_all() -> None:
        for socket in leaving:
            socket.open = False
            hub.leave(socket.client)

    for socket in sockets:
        socket.on_write = leave_all
    publish_entry(hub, entry("one"))
    clock.advance(1)
    publish_entry(hub, entry("two"))
    clock.advance(1)
    assert all(socket.texts == ["one", "two"] for socket in sockets[1::2])
    assert hub.clients == 10


@pytest.mark.parametrize("factor", [FLUSH_BACKOFF_FACTOR, LATENCY_FIRST_FACTOR])
@pytest.mark.parametrize("took_s", [0.004, 0.5])
def test_after_a_flush_the_next_one_waits_in_proportion_up_to_a_bound(took_s: float, factor: float) -> None:
    rest_s = min(took_s * factor, MAX_FLUSH_DELAY_S)
    clock = Clock()
    hub = make_hub(clock, backoff_factor=factor)
    socket = Socket(hub)
    hub.join(socket.client, b"")

    def take_long() -> None:
        clock.now += took_s

    socket.on_write = take_long
    publish_entry(hub, entry("one"))
    clock.advance(0)
    publish_entry(hub, entry("two"))
    clock.advance(rest_s * 0.9)
    assert socket.texts == ["one"]
    clock.advance(rest_s * 0.2)
    assert socket.texts == ["one", "two"]


def test_a_flush_does_not_wait_for_ever_larger_batches() -> None:
    hub = make_hub(Clock())
    socket = Socket(hub)
    hub.join(socket.client, b"")
    for _ in range(20):
        publish_entry(hub, entry("x" * 60_000))
    assert socket.writes == len(socket.got) == MAX_PENDING_SLICES + 2


def test_a_client_that_fell_behind_the_log_is_aborted_when_it_drains() -> None:
    clock = Clock()
    hub = make_hub(clock, Log(max_entries=3))
    slow = Socket(hub, room=1)
    hub.join(slow.client, entry("snapshot").frame)
    for n in range(5):
        publish_entry(hub, entry(str(n)))
        clock.advance(1)
    slow.drain()
    assert not slow.open
    assert hub.clients == 0


def test_a_client_that_was_full_before_it_joined_waits_for_its_socket() -> None:
    clock = Clock()
    hub = make_hub(clock)
    socket = Socket(hub)
    hub.pause(socket.client)
    hub.join(socket.client, b"")
    publish_entry(hub, entry("one"))
    clock.advance(1)
    assert socket.texts == []
    socket.drain()
    assert socket.texts == ["one"]


def test_an_interval_gives_one_batch_in_that_time_without_what_is_superseded_in_it() -> None:
    clock = Clock()
    hub = make_hub(clock, interval_ms=1000)
    socket = Socket(hub)
    hub.join(socket.client, b"")
    publish_entry(hub, entry("first", "p", "x"))
    clock.advance(0)
    for n in range(5):
        publish_entry(hub, entry(f"p{n}", "p", "x"))
    publish_entry(hub, entry("other", "p", "y"))
    clock.advance(0.9)
    assert socket.texts == ["first"]
    clock.advance(0.2)
    assert socket.texts == ["first", "p4", "other"]
    assert socket.writes == 2


def test_a_view_with_an_interval_keeps_every_download_apart_however_many_there_are() -> None:
    clock = Clock()
    hub = make_hub(clock, interval_ms=1000)
    socket = Socket(hub)
    hub.join(socket.client)
    publish_entry(hub, entry("first"))
    clock.advance(0)
    for turn in range(3):
        for number in range(4000):
            publish_entry(hub, entry(f"{turn}", "p", str(number)))
    late = Socket(hub)
    hub.join(late.client)
    clock.advance(1)
    assert socket.texts == ["first", *["2"] * 4000]
    assert late.open and late.texts == []


def test_a_burst_of_a_joined_view_is_a_few_messages_each_no_larger_than_a_slice() -> None:
    clock = Clock()
    hub = make_hub(clock, interval_ms=1000)
    hub.view = dataclasses.replace(hub.view, joined=True)
    socket = Socket(hub)
    hub.join(socket.client)
    publish_entry(hub, entry("first"))
    clock.advance(0)
    for turn in range(3):
        for number in range(2000):
            publish_entry(hub, entry(f"{number} {turn} {'x' * 200}", "p", str(number)))
    publish_entry(hub, entry("7 end ", "e:download_complete:1:1", "7"))
    clock.advance(1)
    first, *burst = socket.texts
    assert first == "first" and len(burst) == -(-sum(map(len, burst)) // SLICE_BYTES)
    assert max(map(len, burst)) <= SLICE_BYTES
    events = [text.split(" ")[:2] for message in burst for text in message.split("\x1e")]
    assert events == [*([str(number), "2"] for number in range(2000) if number != 7), ["7", "end"]]


def test_an_interval_is_over_before_the_log_loses_what_was_published_in_it() -> None:
    clock = Clock()
    hub = make_hub(clock, Log(max_entries=20), interval_ms=60_000)
    socket = Socket(hub)
    hub.join(socket.client)
    for number in range(100):
        publish_entry(hub, entry(str(number)))
    clock.advance(60)
    assert socket.texts == [str(number) for number in range(100)]


def test_position_marks_keep_their_time_and_tell_no_client_of_events_that_it_has_yet_to_get() -> None:
    clock = Clock()
    hub = make_hub(clock, interval_ms=60_000)
    current, late = Socket(hub), Socket(hub)
    hub.join(current.client)
    publish_entry(hub, entry("one"))
    clock.advance(0)
    hub.log.append(entry("two"))
    hub.add(b"", Position(1, 1))
    hub.join(late.client)
    hub.log.append(entry("three"))
    hub.add(b"", Position(1, 2))
    hub.write_position_mark(Position(1, 3))
    assert current.texts == ["one", '{"type":"position","position":"1-1"}']
    assert late.texts == ["three", '{"type":"position","position":"1-3"}']
    clock.advance(60)
    assert current.texts[2:] == ["two", "three"]
    assert late.texts[2:] == []
