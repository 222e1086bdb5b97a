import json

import pytest

from simulcast.errors import EventTooLarge, InvalidEvent
from simulcast.model.events import (
    MAX_EVENT_BYTES,
    Event,
    JsonObject,
    complete_event,
    encode,
    encode_external,
    progress_event,
)


def encoded(message: str | bytes | JsonObject, key: str = "") -> Event:
    found = encode(message, key)
    assert isinstance(found, Event)
    return found


@pytest.mark.parametrize(
    ("progress", "wire"),
    [
        (0, "0.0"),
        (1, "1.0"),
        (0.75, "0.75"),
        (None, "0.0"),
        (1e-7, "0.0"),
        (0.00012345, "0.00012345"),
        (1.0005, "1.0"),
    ],
)
def test_progress_always_has_a_decimal_point(progress: float | None, wire: str) -> None:
    event = encoded({"type": "download_progress", "download_id": "x", "progress": progress, "speed": 1})
    assert f'"progress":{wire},'.encode() in event.payload


@pytest.mark.parametrize(("speed", "wire"), [(1024000, "1024000"), (10.6, "11"), (1e6, "1000000"), (None, "0")])
def test_speed_never_has_a_decimal_point(speed: float | None, wire: str) -> None:
    event = encoded({"type": "download_progress", "download_id": "x", "progress": 0.5, "speed": speed})
    assert f'"speed":{wire}}}'.encode() in event.payload


def test_the_three_events_of_the_app_keep_their_members() -> None:
    assert encoded(progress_event("12345", 0.75, 1024000)) == Event(
        b'{"type":"download_progress","download_id":"12345","progress":0.75,"speed":1024000}', "12345", "p"
    )
    assert encoded(complete_event("12345", "/a b/ü.iso")).label == "e:download_complete::"
    assert json.loads(encoded(complete_event("1", "/ü")).payload) == complete_event("1", "/ü")


def test_members_that_are_added_stay() -> None:
    event = encoded('{"type":"download_progress","download_id":"x","progress":1,"speed":1,"mirror":"eu","n":1.5}')
    assert json.loads(event.payload) | {"mirror": "eu", "n": 1.5} == json.loads(event.payload)


def test_states_are_labelled_by_type_attempt_and_change() -> None:
    event = encoded({"type": "download_paused", "download_id": "x", "attempt": 2, "change": 7})
    assert (event.label, event.key) == ("s:download_paused:2:7", "x")


def test_an_object_of_another_type_stays_as_it_was_published() -> None:
    assert encoded(' \n{"type": "mine",  "progress": 1}\n') == Event(b'{"type": "mine",  "progress": 1}', "", "-")
    assert encoded({"a": 1}, key="gauge") == Event(b'{"a":1}', "gauge", "p")


@pytest.mark.parametrize("text", ["Hello", "[1]", '"x"', "3", "{", "", "[" * 100_000 + "]" * 1, '{"a":NaN}'])
def test_text_that_is_no_json_object_comes_back_as_it_is(text: str) -> None:
    if len(text) > MAX_EVENT_BYTES:
        with pytest.raises(EventTooLarge):
            encode(text)
    else:
        assert encode(text) == text


@pytest.mark.parametrize(
    ("members", "named"),
    [
        ({"progress": "fast", "speed": 1}, "progress"),
        ({"progress": True, "speed": 1}, "progress"),
        ({"progress": 75, "speed": 1}, "divide a percentage by 100"),
        ({"progress": float("nan"), "speed": 1}, "progress"),
        ({"progress": float("inf"), "speed": 1}, "progress"),
        ({"speed": 1}, "progress"),
        ({"progress": 0.5, "speed": "1"}, "speed"),
        ({"progress": 0.5, "speed": -1}, "speed"),
        ({"progress": 0.5, "speed": 2**64}, "speed"),
        ({"progress": 0.5, "speed": 1, "download_id": None}, "download_id"),
        ({"progress": 0.5, "speed": 1, "download_id": "a\nb"}, "control"),
        ({"progress": 0.5, "speed": 1, "download_id": ""}, "download_id"),
        ({"progress": 0.5, "speed": 1, "download_id": "x" * 201}, "download_id"),
        ({"progress": 0.5, "speed": 1, "extra": object()}, "JSON"),
        ({"progress": 0.5, "speed": 1, "extra": float("nan")}, "JSON"),
        ({"type": "download_complete"}, "file_path"),
        ({"type": "download_error", "error_message": 5}, "error_message"),
        ({"type": "download_paused", "attempt": "x"}, "attempt"),
    ],
)
def test_what_the_app_could_not_read_is_refused_by_name(members: dict[str, object], named: str) -> None:
    with pytest.raises(InvalidEvent, match=named):
        encode({"type": "download_progress", "download_id": "x"} | members)


def test_a_number_as_download_id_becomes_text() -> None:
    assert (
        b'"download_id":"12345"'
        in encoded('{"type":"download_progress","download_id":12345,"progress":0,"speed":0}').payload
    )


@pytest.mark.parametrize(
    "text", ['{"event_id":"1-1"}', '{"a":1,"event\\u005fid":"1-1"}', '{"event_id":1,"event_id":2}']
)
def test_an_event_id_of_the_publishers_own_is_refused(text: str) -> None:
    with pytest.raises(InvalidEvent, match="event_id"):
        encode(text)


def test_an_event_id_in_a_foreign_event_is_taken_out() -> None:
    assert encode_external('{"a":1,"event\\u005fid":"1-1"}') == Event(b'{"a":1}', "", "-")
    assert encode_external('{"a": 1}') == Event(b'{"a": 1}', "", "-")


def test_over_64_kib_is_refused_by_name_with_its_size() -> None:
    with pytest.raises(EventTooLarge, match=r"65,5\d\d bytes"):
        encode({"text": "x" * 65_530})
    assert len(encoded({"text": "x" * 65_525}).payload) == MAX_EVENT_BYTES


def test_bytes_that_are_no_utf8_and_other_types_are_refused() -> None:
    with pytest.raises(InvalidEvent, match="UTF-8"):
        encode(b'{"a":"\xff"}')
    with pytest.raises(InvalidEvent, match="int"):
        encode(5)  # type: ignore[arg-type]


def test_a_lone_surrogate_travels_as_an_escape() -> None:
    event = encoded('{"type":"download_error","download_id":"x","error_message":"\\ud800"}')
    assert b"\\ud800" in event.payload
