import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulcast.model.position import Position
from simulcast.model.publication import Publication, from_entry, from_message, with_event_id

HERE = Position(1790000000000, 7)


@pytest.mark.parametrize("payload", [b"{}", b"{ }", b"{\n\t}", b'{"a":1}', b'{ \r\n "a" : {} }'])
def test_the_event_id_is_the_first_member_of_any_object(payload: bytes) -> None:
    found = json.loads(with_event_id(HERE, payload))
    assert next(iter(found)) == "event_id"
    assert found == {"event_id": "1790000000000-7", **json.loads(payload)}


def test_a_message_is_read_without_its_json() -> None:
    data = b'0123456789ab 1790000000000-7 s:download_paused:1:2 a b \xc3\xbc\n{"a":\n1}'
    expected = Publication(HERE, "s:download_paused:1:2", "a b ü", b'{"a":\n1}')
    assert from_message(data) == ("0123456789ab", expected)
    assert from_entry(data.partition(b" ")[2]) == expected


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{}",
        b'{"a":1}',
        b"Hello",
        b"0123456789ab 1-1 p x",
        b"1-1 p x\n{}",
        b"0123456789AB 1-1 p x\n{}",
        b"\xff\n",
    ],
)
def test_what_no_broker_sent_is_recognised(data: bytes) -> None:
    assert from_message(data) is None


@given(st.text(max_size=30))
def test_no_text_is_mistaken_for_a_position(text: str) -> None:
    with contextlib.suppress(ValueError):
        assert str(Position.parse(text)) == text


@given(st.integers(0, 2**64 - 1), st.integers(0, 2**64 - 1))
def test_every_position_survives_its_text(epoch: int, offset: int) -> None:
    assert Position.parse(str(Position(epoch, offset))) == Position(epoch, offset)


@pytest.mark.parametrize(
    "text", ["", "1", "-1", "1-", "01-1", "1-1 ", "1-1\n", "٣-1", "18446744073709551616-0", "1--1"]
)
def test_other_forms_of_a_position_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="position"):
        Position.parse(text)
