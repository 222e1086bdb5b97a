"""From bytes to messages: whatever pieces the bytes come in, and no further than the rules allow."""

import pytest
from websockets.exceptions import PayloadTooBig, ProtocolError
from websockets.frames import Frame, Opcode

from simulcast.frontend.transport.message_parser import MessageParser

MAX_BYTES = 1000


def frame(opcode: Opcode, data: bytes = b"", fin: bool = True) -> bytes:
    return Frame(opcode, data, fin).serialize(mask=True)


def read_all(parser: MessageParser) -> list[tuple[Opcode, bytes]]:
    messages = []
    while (message := parser.read()) is not None:
        messages.append(message)
    return messages


FRAMES = (
    frame(Opcode.TEXT, b"one")
    + frame(Opcode.BINARY, b"t", fin=False)
    + frame(Opcode.PING, b"ping")
    + frame(Opcode.CONT, b"", fin=False)
    + frame(Opcode.CONT, b"wo")
    + frame(Opcode.TEXT, b"x" * 500)
    + frame(Opcode.CLOSE, b"\x03\xe8")
)
MESSAGES = [
    (Opcode.TEXT, b"one"),
    (Opcode.PING, b"ping"),
    (Opcode.BINARY, b"two"),
    (Opcode.TEXT, b"x" * 500),
    (Opcode.CLOSE, b"\x03\xe8"),
]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 100, len(FRAMES)])
def test_messages_are_the_same_whatever_pieces_their_bytes_come_in(size: int) -> None:
    parser = MessageParser(MAX_BYTES, ())
    messages = []
    for start in range(0, len(FRAMES), size):
        parser.feed(FRAMES[start : start + size])
        messages += read_all(parser)
    assert messages == MESSAGES
    assert parser.is_empty


@pytest.mark.parametrize(
    "data", [frame(Opcode.TEXT, b"x")[:3], frame(Opcode.TEXT, b"x", fin=False)], ids=["half a frame", "a fragment"]
)
def test_between_the_parts_of_a_message_it_is_not_empty(data: bytes) -> None:
    parser = MessageParser(MAX_BYTES, ())
    parser.feed(data)
    assert parser.read() is None
    assert not parser.is_empty


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(frame(Opcode.CONT, b"x"), id="an end without a beginning"),
        pytest.param(frame(Opcode.TEXT, b"x", fin=False) + frame(Opcode.TEXT, b"x"), id="a message in another"),
        pytest.param(Frame(Opcode.TEXT, b"x").serialize(mask=False), id="no mask"),
        pytest.param(frame(Opcode.CLOSE, b"\x03\xe8")[:1] + b"\x81" + bytes(4) + b"x", id="half a close code"),
    ],
)
def test_what_breaks_the_rules_is_an_error(data: bytes) -> None:
    parser = MessageParser(MAX_BYTES, ())
    parser.feed(data)
    with pytest.raises(ProtocolError):
        read_all(parser)


@pytest.mark.parametrize("sizes", [[MAX_BYTES + 1], [MAX_BYTES, 1], [1, MAX_BYTES]])
def test_a_message_that_is_too_large_is_an_error_before_its_bytes_have_come(sizes: list[int]) -> None:
    parser = MessageParser(MAX_BYTES, ())
    first, *others = sizes
    parser.feed(frame(Opcode.TEXT, bytes(first), fin=not others)[: None if others else 10])
    for size in others:
        assert parser.read() is None
        parser.feed(frame(Opcode.CONT, bytes(size))[:10])
    with pytest.raises(PayloadTooBig):
        parser.read()
