"""What is published and what clients send, whatever it is."""

import json
import re

import pydantic_core
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from simulcast.errors import InvalidEvent
from simulcast.frontend.authorization import parse_token
from simulcast.frontend.fanout.entries import Entry
from simulcast.frontend.fanout.frames import payload_of, text_frame
from simulcast.frontend.fanout.view import View
from simulcast.gateway.resume_position import ResumePosition
from simulcast.model import commands
from simulcast.model.command_parser import parse
from simulcast.model.commands import Command, InvalidCommand, Reason, Request, SubscriptionCommand
from simulcast.model.events import MAX_EVENT_BYTES, MAX_ID_CHARS, Event, encode, encode_external
from simulcast.model.position import Position
from simulcast.model.publication import from_entry, from_message, from_stream, with_event_id
from tests.hostile.texts import in_few_words, messages, objects

HERE = Position(1790000000000, 42)
MAX_ANSWER_CHARS = 6 * commands.MAX_COMMAND_BYTES  # each may be escaped as \uXXXX
REASONS: tuple[Reason | None, ...] = (None, "unknown_download", "invalid_transition", "unavailable", "not_allowed")


def read(payload: bytes) -> dict[str, object]:
    """As a client without Python's limits on numbers would."""
    found = json.loads(payload, parse_int=str)
    assert isinstance(found, dict)
    return found


@given(messages)
@example('{"type":"download_error","download_id":"a","error_message":' + "[" * 980 + "]" * 980 + "}")
@example('{"type":"download_progress","download_id":' + "9" * 4200 + ',"progress":0.5}')
def test_whatever_is_published_is_an_event_or_text_or_refused_in_a_few_words(message: str) -> None:
    try:
        event = encode(message)
    except InvalidEvent as error:
        in_few_words(error)
        return
    if isinstance(event, str):
        assert event == message
        return
    assert len(event.payload) <= MAX_EVENT_BYTES
    assert len(event.key) <= MAX_ID_CHARS
    assert event.key.isprintable() or not re.search(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]", event.key)
    assert re.fullmatch(r"-|p|[se]:download_\w+:\d*:\d*", event.label)
    told = with_event_id(HERE, event.payload)
    assert next(iter(read(told))) == "event_id"
    assert read(told)["event_id"] == str(HERE)
    travelling = b"0123456789ab %b %b %b\n%b" % (
        str(HERE).encode(),
        event.label.encode(),
        event.key.encode(),
        event.payload,
    )
    found = from_message(travelling)
    assert found is not None
    assert (found[1].position, found[1].key, found[1].payload) == (HERE, event.key, event.payload)


@pytest.mark.parametrize(
    "members",
    [
        {"progress": 10**5000},
        {"progress": 0.5, "speed": 10**5000},
        {"progress": 0.5, "speed": 10**400},
        {"progress": 0.5, "attempt": 10**5000},
        {"progress": 0.5, "download_id": 10**5000},
        {"progress": 0.5, "extra": 10**5000},
        {"type": "download_complete", "file_path": 10**5000},
    ],
)
def test_a_number_that_can_not_even_be_written_is_refused_like_any_other(members: dict[str, object]) -> None:
    with pytest.raises(InvalidEvent):
        encode({"type": "download_progress", "download_id": "x"} | members)


@given(messages)
@example('{"type":"position","position":"9-9"}')
@example('{"type":"hello","position":"9-9"}')
@example('{"type":"position","position":"9-9"')
@example('\ufeff{"event_id":"9-9","type":"x"}')
@example('{"\\u0065vent_id":"9-9","a":' + "9" * 5000 + "}")
def test_nothing_that_is_put_on_a_channel_past_the_brokers_moves_a_client(message: str) -> None:
    """Neither by an event_id, nor by what looks as if the front-end had said it, to a parser however lenient."""
    try:
        event = encode_external(message)
    except InvalidEvent as error:
        in_few_words(error)
        return
    told = event.payload.decode() if isinstance(event, Event) else event
    bookmark = ResumePosition()
    assert bookmark.is_new(told)
    assert bookmark.event_id is None
    assert not re.match(r'\{"type": ?"(hello|position|command_result)"', told)
    if isinstance(event, Event):
        assert "event_id" not in read(event.payload)
        assert read(event.payload).get("type") not in ("hello", "position", "command_result")
    elif told.lstrip("\ufeff \t\r\n").startswith("{"):
        assert "event_id" not in told
        assert "\\u" not in told


@pytest.mark.parametrize("text", ["{hello}", "hello", "{position of the sun}", '["position"]', '{"a":NaN}'])
def test_text_that_only_has_the_same_words_is_delivered(text: str) -> None:
    assert encode_external(text) == encode(text) == text


@given(objects())
@example('{"channel":"b"}')
@example('{"a":1,"\\u0063hannel":"b","channel":"c"}')
@example('{ "channel" : "b" , "n" : ' + "9" * 5000 + "}")
@example('{"a":{"channel":"kept"}}')
@example('{"channel":"b","a":' + "[" * 30_000 + "]" * 30_000 + "}")
def test_no_publisher_names_the_channel_in_which_its_event_comes(message: str) -> None:
    """To who follows several, the member is the channel's true name; to who follows one, it is no place to resume."""
    try:
        event = encode(message)
    except InvalidEvent:
        return
    payload = with_event_id(HERE, event.payload) if isinstance(event, Event) else event.encode()
    bookmark = ResumePosition()
    bookmark.is_new(payload.decode())
    assert bookmark.event_id in (str(HERE), None)
    if not payload.startswith(b"{"):
        return
    seen = payload_of(View("a", with_channel=True).frame(Entry(42, "-", "", text_frame(payload))) or b"")
    try:
        told = read(seen)
    except (ValueError, RecursionError):
        assert not isinstance(event, Event)  # text that is no JSON, in which nobody finds members
        return
    assert told["channel"] == "a"
    if isinstance(event, Event):
        assert {name: value for name, value in told.items() if name != "channel"} == {
            name: value for name, value in read(payload).items() if name != "channel"
        }


def test_what_is_nested_too_deep_to_be_read_names_no_channel_either() -> None:
    payload = b'{"channel":"b","a":' + b"[" * 30_000 + b"]" * 30_000 + b"}"
    seen = payload_of(View("a", with_channel=True).frame(Entry(0, "-", "", text_frame(payload))) or b"")
    assert b'"channel":"a"' in seen
    assert b'"channel":"b"' not in seen


@given(st.binary(max_size=200))
@example(b"0123456789ab 1-1 p \xff\n{}")
def test_bytes_that_no_broker_wrote_are_told_from_publications(found: bytes) -> None:
    assert from_message(found) is None or found[12:13] == b" "
    for read_it in (from_entry, lambda body: from_stream(b"1-1", body)):
        try:
            assert read_it(found).label
        except ValueError as error:
            in_few_words(error)


@given(messages, st.sampled_from(REASONS))
@example('{"action":1e400}', None)
@example('{"action":"' + "x" * 3000 + '"}', None)
@example('{"action":"pause_download","download_id":"' + "\x7f\u2028" * 100 + '"}', "unknown_download")
@example('{"action":' + "[" * 2000 + "]" * 2000 + "}", None)
def test_whatever_a_client_says_is_a_command_or_ignored_or_answered_in_bounds(
    message: str, reason: Reason | None
) -> None:
    found = parse(message)
    if found is None:
        with pytest.raises(ValueError, match=r".*"):
            pydantic_core.from_json(message, allow_inf_nan=False)
        return
    assert isinstance(found, Command | SubscriptionCommand | Request | InvalidCommand)
    if isinstance(found, InvalidCommand):
        assert len(found.message) < 600
    if isinstance(found, Request):
        answer = found.encode_refusal(reason or "conflict", "refused")
    else:
        answer = found.encode() if isinstance(found, InvalidCommand) else found.encode_result(reason)
    assert len(answer) < MAX_ANSWER_CHARS
    assert answer.isascii()
    assert "\n" not in answer
    assert json.loads(answer)["type"] in ("error", "command_result")


@given(messages)
@example('{"action":"authenticate","token":' + "[" * 60_000)
def test_whatever_comes_first_where_tokens_are_wanted_is_a_token_or_none(message: str) -> None:
    token = parse_token(message)
    assert token is None or '"' in message
