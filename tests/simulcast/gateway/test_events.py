"""Messages as typed events."""

import pytest

from simulcast.gateway import (
    DownloadChange,
    DownloadComplete,
    DownloadError,
    DownloadProgress,
    DownloadQueued,
    Event,
)
from simulcast.gateway.events import parse
from simulcast.model.events import END_TYPES, STATE_TYPES, complete_event, encode, error_event
from simulcast.model.events import Event as Encoded

PROGRESS = '{"event_id":"7-17","type":"download_progress","download_id":"12345","progress":0.75,"speed":1024000}'


def test_progress_has_its_members_and_none_where_nothing_was_said() -> None:
    event = parse(PROGRESS)
    assert isinstance(event, DownloadProgress)
    assert (event.event_id, event.download_id, event.progress, event.speed) == ("7-17", "12345", 0.75, 1024000)
    assert (event.channel, event.attempt, event.received_bytes, event.total_bytes) == (None, None, None, None)
    assert event.raw["speed"] == 1024000
    assert "raw" not in repr(event)
    assert hash(event)


def test_a_change_of_state_has_all_that_our_workers_say() -> None:
    event = parse(
        '{"event_id":"7-18","channel":"a","type":"download_complete","download_id":"1","file_path":"/a","attempt":2,'
        '"change":3,"name":"a.iso","url":"https://a/a.iso","received_bytes":5,"total_bytes":null,"new":[1]}'
    )
    assert isinstance(event, DownloadComplete)
    assert (event.file_path, event.attempt, event.change, event.channel) == ("/a", 2, 3, "a")
    assert (event.name, event.url, event.received_bytes, event.total_bytes) == ("a.iso", "https://a/a.iso", 5, None)
    assert event.raw["new"] == [1]


@pytest.mark.parametrize("kind", sorted((STATE_TYPES | END_TYPES) - {"download_complete", "download_error"}))
def test_each_state_is_a_change_of_its_own_kind(kind: str) -> None:
    event = parse(f'{{"type":"{kind}","download_id":"1"}}')
    assert isinstance(event, DownloadChange)
    assert type(event).__name__ == "".join(word.capitalize() for word in kind.split("_"))


def test_what_the_server_publishes_is_understood() -> None:
    for kind, event in ((DownloadComplete, complete_event("1", "/a")), (DownloadError, error_event("1", "é"))):
        encoded = encode(event)
        assert isinstance(encoded, Encoded)
        assert type(parse(encoded.payload.decode())) is kind


def test_whole_numbers_are_fractions_where_one_is_wanted() -> None:
    event = parse('{"type":"download_progress","download_id":"1","progress":1,"speed":0}')
    assert isinstance(event, DownloadProgress)
    assert type(event.progress) is float


@pytest.mark.parametrize(
    "text",
    [
        '{"type":"marker","event_id":"7-1","a":1}',
        '{"type":"download_progress","event_id":"7-1","download_id":"1","progress":"half","speed":1}',
        '{"type":"download_progress","event_id":"7-1","download_id":"1","progress":0.5,"speed":true}',
        '{"type":"download_complete","event_id":"7-1","download_id":"1"}',
        '{"type":"download_queued","event_id":"7-1","download_id":1}',
    ],
)
def test_anything_else_is_an_event_with_its_members(text: str) -> None:
    event = parse(text)
    assert type(event) is Event
    assert event.event_id == "7-1"
    assert event.raw["type"] == event.type


def test_an_event_may_lack_everything() -> None:
    event = parse('{"type":5,"event_id":null}')
    assert type(event) is Event
    assert (event.type, event.event_id, event.raw["type"]) == (None, None, 5)


@pytest.mark.parametrize("text", ["", "Hello from Flutter!", "[]", "5", "null", "{", "[" * 100_000])
def test_what_is_no_json_object_is_no_event(text: str) -> None:
    assert parse(text) is None


def test_an_event_can_not_be_changed() -> None:
    event = parse('{"type":"download_queued","download_id":"1"}')
    assert isinstance(event, DownloadQueued)
    with pytest.raises(AttributeError):
        event.download_id = "2"  # type: ignore[misc]
    with pytest.raises(TypeError):
        event.raw["type"] = "x"  # type: ignore[index]
