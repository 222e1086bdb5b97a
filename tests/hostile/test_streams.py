"""What comes by the byte, cut wherever the network likes: Redis' answers, frames, and the stream of events."""

import asyncio
import itertools
import re
from typing import cast

import pytest
import redis
from hypothesis import example, given
from hypothesis import strategies as st

from simulcast.frontend.fanout.deflate import Deflate
from simulcast.frontend.fanout.frames import payloads, text_frame
from simulcast.frontend.ingest import connection as inbox_module
from simulcast.frontend.ingest.connection import Message, SubscribedConnection
from simulcast.frontend.transport.sse_encoder import SSEEncoder
from simulcast.model.position import Position
from tests.hostile.texts import messages


class Transport:
    """Redis' end of a connection, of which only the bytes matter here."""

    def __init__(self) -> None:
        self.aborted = False
        self.paused = False

    def abort(self) -> None:
        self.aborted = True

    def pause_reading(self) -> None:
        self.paused = True

    def resume_reading(self) -> None:
        self.paused = False


def inbox() -> tuple[SubscribedConnection, Transport]:
    transport, connection = Transport(), SubscribedConnection()
    connection.connection_made(cast(asyncio.Transport, transport))
    return connection, transport


def read(pieces: list[bytes]) -> tuple[list[Message], str]:
    """All messages, and why there were no more."""

    async def run() -> tuple[list[Message], str]:
        found, _ = inbox()
        for piece in pieces:
            found.data_received(piece)
        found.connection_lost(None)
        heard: list[Message] = []
        while True:
            try:
                heard += await found.next()
            except redis.RedisError as error:
                return heard, str(error)

    return asyncio.run(run())


def pieces(whole: bytes, cuts: list[int]) -> list[bytes]:
    places = sorted({0, *(cut % (len(whole) + 1) for cut in cuts), len(whole)})
    return [whole[start:end] for start, end in itertools.pairwise(places)]


def resp(*parts: bytes | int) -> bytes:
    """An array as Redis sends it (RESP2)."""
    return b"*%d\r\n" % len(parts) + b"".join(
        b":%d\r\n" % part if isinstance(part, int) else b"$%d\r\n%b\r\n" % (len(part), part) for part in parts
    )


published = st.binary(max_size=80).map(lambda data: resp(b"message", b"simulcast:a", data))
confirmed = st.integers(-9, 2**63 - 1).map(lambda count: resp(b"subscribe", b"simulcast:a", count))
garbage = st.one_of(
    st.binary(max_size=30),
    st.sampled_from(
        [b"+OK\r\n", b"-ERR no\r\n", b"*-1\r\n", b"$-1\r\n", b"*99999\r\n", b"$999999999999\r\n", b":x\r\n"]
    ),
    st.sampled_from([b"*1\r\n" * 200, b"\r\n", b"HTTP/1.1 400 Bad Request\r\n\r\n", b"*0\r\n", b"_\r\n", b"#t\r\n"]),
)
cuts = st.lists(st.integers(0, 10_000), max_size=6)


@given(st.lists(st.one_of(published, confirmed), max_size=8), cuts)
def test_wherever_redis_is_cut_the_same_messages_are_read(sent: list[bytes], where: list[int]) -> None:
    whole = b"".join(sent)
    heard, _ = read(pieces(whole, where))
    assert len(heard) == len(sent)
    assert heard == read([whole])[0]


@given(st.lists(st.one_of(published, garbage), max_size=6), cuts)
def test_what_is_no_redis_ends_the_reading_with_a_reason(sent: list[bytes], where: list[int]) -> None:
    whole = b"".join(sent)
    heard, end = read(pieces(whole, where))
    assert re.match(r"Redis (closed the connection|answers a subscription with: )", end)
    assert len(heard) <= len(sent) + whole.count(b"\r\n")


def test_who_floods_the_subscription_is_read_no_further(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inbox_module, "MAX_BUFFERED_BYTES", 1000)
    found, transport = inbox()
    for _ in range(20):
        found.data_received(resp(b"message", b"simulcast:a", b"x" * 50))
    assert transport.paused


def as_a_browser_reads(stream: str) -> list[tuple[str, str, str]]:
    """Type, last id and data of each event (HTML standard, §9.2.6)."""
    found, kind, last_id, data = [], "message", "", list[str]()
    for line in re.split(r"\r\n|\r|\n", stream)[:-1]:
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if not line:
            if data:
                found.append((kind, last_id, "\n".join(data)))
            kind, data = "message", []
        elif name == "data":
            data.append(value)
        elif name == "id":
            last_id = value
        elif name == "event":
            kind = value
    return found


@given(st.lists(messages.filter(lambda text: text != ""), min_size=1, max_size=4), st.booleans())
@example(["one\rid: 9-9\r\rdata: forged"], False)
@example(["a\r\nid: 9-9\n\ndata: forged"], False)
@example(['{"type":"hello","channel":\nid: 9-9\n\nevent: position\ndata: x}'], True)
@example(["\x00", "\u2028id: 9-9", ":", "data: x"], False)
def test_no_text_breaks_out_of_its_event_of_the_stream(texts: list[str], named: bool) -> None:
    encoder = SSEEncoder(named, {"a": Position(1, 2)} if named else {})
    frames = b"".join(text_frame(text.encode()) for text in texts)
    found = as_a_browser_reads(b"".join(encoder.encode(frames)).decode())
    assert [data for _, _, data in found] == ["\n".join(re.split(r"\r\n|\r|\n", text)) for text in texts]
    for (kind, last_id, _), text in zip(found, texts, strict=True):
        assert kind == "message" or text.startswith('{"type":"')
        assert last_id == "" or re.fullmatch(r"([\w.:-]+:)?\d+-\d+(,[^\n\r]+:\d+-\d+)*", last_id)


@given(st.lists(st.one_of(messages, st.sampled_from(["", "x" * 125, "x" * 126, "x" * 65535, "x" * 65536])), max_size=6))
def test_frames_are_cut_where_they_were_joined(texts: list[str]) -> None:
    sent = [text.encode() for text in texts]
    assert list(payloads(b"".join(map(text_frame, sent)))) == sent
    assert len(list(payloads(Deflate(12).encode(b"".join(map(text_frame, sent)))))) == len(sent)
