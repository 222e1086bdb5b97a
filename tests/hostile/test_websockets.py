"""Frames that break RFC 6455 and 7692, and sizes beyond what is allowed: closed by name, at nobody else's cost."""

import asyncio
import contextlib
import functools
import socket
import zlib
from collections.abc import Callable, Iterator

import pytest

from tests.hostile.unharmed import unharmed_client
from tests.programs import one_front_end
from tests.raw_client import raw_client
from tests.service import FrontEnd

OFFER = "sec-websocket-extensions: permessage-deflate; client_max_window_bits\r\n"
BOMB_BYTES = 60_000_000


@pytest.fixture(scope="module")
def compressing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FrontEnd]:
    with one_front_end(tmp_path_factory.mktemp("compressing"), SIMULCAST_COMPRESSION="true") as program:
        yield program


def frame(first: int, payload: bytes = b"") -> bytes:
    """As a client sends it, masked with zeros (§5.3)."""
    size = len(payload)
    if size < 126:
        return bytes((first, 0x80 | size)) + bytes(4) + payload
    if size < 65536:
        return bytes((first, 0xFE)) + size.to_bytes(2) + bytes(4) + payload
    return bytes((first, 0xFF)) + size.to_bytes(8) + bytes(4) + payload


@functools.cache
def compressed(size: int) -> bytes:
    compressor = zlib.compressobj(9, wbits=-12)
    return (compressor.compress(b" " * size) + compressor.flush(zlib.Z_SYNC_FLUSH)).removesuffix(b"\x00\x00\xff\xff")


def in_pieces(data: bytes, size: int = 1000) -> bytes:
    """One compressed message without an end."""
    return frame(0x41, data[:size]) + b"".join(frame(0x00, data[at : at + size]) for at in range(size, len(data), size))


def close_code(connection: socket.socket) -> int | None:
    """The code of the close frame; None where the connection was cut without one. Other frames are passed over."""
    received = b""
    with contextlib.suppress(ConnectionError):
        while chunk := connection.recv(65536):
            received += chunk
    while received:
        size, start = received[1], 2
        if size == 126:
            size, start = int.from_bytes(received[2:4]), 4
        if received[0] == 0x88:
            return int.from_bytes(received[start : start + 2])
        received = received[start + size :]
    return None


async def sent(running: FrontEnd, frames: bytes, more: str = "") -> int | None:
    def send() -> int | None:
        with raw_client(running, more) as connection:
            with contextlib.suppress(ConnectionError):
                connection.sendall(frames)
            return close_code(connection)

    return await asyncio.to_thread(send)


@pytest.mark.parametrize(
    ("frames", "codes"),
    [
        pytest.param(frame(0x01, b"x" * 1000) + frame(0x00, b"x" * 1000) * 200, {1009}, id="no end"),
        pytest.param(frame(0x01, b"x") + frame(0x81, b"x"), {1002}, id="a message inside another"),
        pytest.param(frame(0x80, b"x"), {1002}, id="an end without a beginning"),
        pytest.param(frame(0x89, b"x" * 126), {1002}, id="a long ping"),
        pytest.param(frame(0x09, b"x"), {1002}, id="a ping in pieces"),
        pytest.param(frame(0xA1, b"x"), {1002}, id="reserved bit 2"),
        pytest.param(frame(0x91, b"x"), {1002}, id="reserved bit 3"),
        pytest.param(frame(0x8B), {1002}, id="reserved control opcode"),
        pytest.param(frame(0x88, b"x"), {1002}, id="half a close code"),
        pytest.param(frame(0x88, (1005).to_bytes(2)), {1002}, id="a close code that is never sent"),
        pytest.param(frame(0x88, (1000).to_bytes(2) + b"\xff"), {1002, 1007}, id="a close reason that is not UTF-8"),
        pytest.param(frame(0x01, b"\xf0\x9f") + frame(0x80, b"\xff"), {1007}, id="not UTF-8 across pieces"),
        pytest.param(b"\x81\xff" + b"\xff" * 8 + bytes(4), {1002, 1009}, id="2^64 bytes announced"),
    ],
)
async def test_frames_that_break_the_rules_are_answered_by_their_code(
    frames: bytes, codes: set[int], compressing: FrontEnd
) -> None:
    async with unharmed_client(compressing):
        assert await sent(compressing, frames) in codes


async def test_compression_that_was_not_agreed_on_is_a_reserved_bit(compressing: FrontEnd) -> None:
    assert await sent(compressing, frame(0xC1, compressed(10))) == 1002


@pytest.mark.parametrize(
    "cut",
    [pytest.param(functools.partial(frame, 0xC1), id="whole"), pytest.param(in_pieces, id="in pieces")],
)
async def test_a_message_that_is_small_on_the_wire_and_huge_behind_it_is_never_unpacked(
    cut: Callable[[bytes], bytes], compressing: FrontEnd
) -> None:
    frames = cut(compressed(BOMB_BYTES))
    before = compressing.rss_bytes
    async with unharmed_client(compressing):
        codes = await asyncio.gather(*(sent(compressing, frames, OFFER) for _ in range(8)))
    assert set(codes) == {1009}
    assert compressing.rss_bytes - before < BOMB_BYTES / 2


async def test_what_is_no_deflate_closes_that_connection_alone(compressing: FrontEnd) -> None:
    async with unharmed_client(compressing):
        assert await sent(compressing, frame(0xC1, b"\xff" * 200), OFFER) in {1002, 1007}


async def test_ten_thousand_pings_end_with_their_client(compressing: FrontEnd) -> None:
    async with unharmed_client(compressing):
        pings, goodbye = frame(0x89, b"x" * 125) * 10_000, frame(0x88, (1000).to_bytes(2))
        assert await sent(compressing, pings + goodbye) == 1008


@pytest.mark.parametrize("text", ["[" * 4000, '{"a":' * 800, '{"action":' + "9" * 4000 + "}"])
async def test_deep_and_huge_json_is_ignored_or_answered(text: str, compressing: FrontEnd) -> None:
    async with unharmed_client(compressing):
        goodbye = frame(0x88, (1000).to_bytes(2))
        assert await sent(compressing, frame(0x81, text.encode()) * 20 + goodbye) == 1000
