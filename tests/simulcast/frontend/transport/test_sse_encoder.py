import pytest

from simulcast.frontend.fanout.backlog import SLICE_BYTES
from simulcast.frontend.fanout.frames import text_frame
from simulcast.frontend.transport.sse_encoder import SSEEncoder, preamble
from simulcast.model.position import Position


def encoded(*texts: str, named: bool = False, since: dict[str, Position] | None = None) -> list[str]:
    frames = b"".join(text_frame(text.encode()) for text in texts)
    events = b"".join(SSEEncoder(named, since or {}).encode(frames)).decode().split("\n\n")
    assert events.pop() == ""
    return events


def test_an_event_has_its_id_and_one_without_has_none() -> None:
    assert encoded('{"event_id":"1-2","n":1}', '{"n":2}') == [
        'id: 1-2\ndata: {"event_id":"1-2","n":1}',
        'data: {"n":2}',
    ]


@pytest.mark.parametrize("end", ["\n", "\r", "\r\n"])
def test_a_foreign_text_cannot_break_out_of_its_event(end: str) -> None:
    text = f"one{end}id: 9-9{end}{end}data: two"
    assert encoded(text) == ["data: one\ndata: id: 9-9\ndata: \ndata: data: two"]
    assert encoded(f'{{"type":"hello","channel":{end}id: 9-9}}')[0].splitlines()[-1] == "data: id: 9-9}"


def test_with_several_channels_each_id_names_all_positions() -> None:
    since = {"a": Position(1, 5)}
    texts = ('{"event_id":"2-1","channel":"b"}', '{"event_id":"1-6","channel":"a"}', '{"channel":"a","n":1}')
    ids = [event.splitlines()[0] for event in encoded(*texts, named=True, since=since)]
    assert ids == ["id: a:1-5,b:2-1", "id: a:1-6,b:2-1", 'data: {"channel":"a","n":1}']


def test_a_member_called_channel_is_no_channel_where_only_one_is_followed() -> None:
    assert encoded('{"event_id":"1-2","channel":"x"}')[0].splitlines()[0] == "id: 1-2"


def test_hello_and_marks_are_no_messages_and_a_mark_moves_the_id() -> None:
    hello = '{"type":"hello","channel":"a","position":"1-2"}'
    assert encoded(hello) == [f"event: hello\ndata: {hello}"]
    mark = '{"type":"position","position":"1-2"}'
    assert encoded(mark) == [f": ping\nevent: position\nid: 1-2\ndata: {mark}"]
    mark = '{"type":"position","position":"1-2","channel":"a"}'
    assert encoded(mark, named=True) == [f": ping\nevent: position\nid: a:1-2\ndata: {mark}"]
    assert encoded('{"type":"position","position":"nowhere\\n"}')[0].startswith("data: ")


def test_browsers_are_told_to_come_back_after_four_to_six_seconds_not_all_at_once() -> None:
    waits = {int(preamble().removeprefix(b"retry: ")) for _ in range(100)}
    assert min(waits) >= 4_000 and max(waits) <= 6_000 and len(waits) > 10


def test_events_whose_ids_name_many_channels_are_encoded_in_pieces() -> None:
    since = {f"channel-{number}": Position(1, number) for number in range(50)}
    frames = b"".join(text_frame(b'{"event_id":"1-%d","channel":"a"}' % number) for number in range(1, 1500))
    pieces = list(SSEEncoder(True, since).encode(frames))
    assert max(map(len, pieces)) < 2 * SLICE_BYTES < len(b"".join(pieces))
    assert b"".join(pieces).count(b"\n\n") == 1499


def test_clients_of_the_same_channels_that_are_equally_far_share_the_bytes() -> None:
    """Whatever the order in which they named the channels, and however far each was when it joined."""
    first = SSEEncoder(True, {"a": Position(1, 5), "b": Position(2, 1)})
    second = SSEEncoder(True, {"b": Position(2, 2), "a": Position(1, 9)})
    frames = [
        b"".join(
            text_frame(b'{"event_id":"%d-%d","channel":"%c"}' % (3, number, 97 + number % 2)) for number in numbers
        )
        for numbers in (range(10, 12), range(12, 5_000))
    ]
    assert list(first.encode(frames[0])) != list(second.encode(frames[0]))
    pieces = zip(first.encode(frames[1]), second.encode(frames[1]), strict=True)
    shared = [one is other for one, other in pieces]
    assert len(shared) > 1 and all(shared)
