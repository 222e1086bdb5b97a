"""Answers that are odd in their form and right in their bytes, and those of which the bytes can't be trusted."""

import gzip
import random
import zlib

import pytest

from tests.fetching import Download
from tests.scripted_server import Reply, Server, answer, honest, raw
from workers.errors import ConnectionFailed, HTTPStatusError, IncompleteBody, ProtocolError
from workers.http.decoding import Decoder

CONTENT = random.Random(17).randbytes(6400)
SIZE = len(CONTENT)
PACKED = gzip.compress(CONTENT)
_COMPRESSOR = zlib.compressobj(9, zlib.DEFLATED, -15)
RAW_DEFLATE = _COMPRESSOR.compress(CONTENT) + _COMPRESSOR.flush()


def stated(*lines: bytes, status: bytes = b"HTTP/1.1 200 OK", body: bytes = CONTENT) -> Reply:
    """Return an answer of these lines, byte for byte."""
    return raw(b"\r\n".join([status, *lines, b"Connection: close", b"", body]))


def with_range(status: int, content_range: str) -> Reply:
    return answer(status, {"Content-Range": content_range, "Content-Length": str(SIZE)}, CONTENT)


def packed(body: bytes, coding: str = "gzip", kind: str = "text/plain") -> Reply:
    return answer(200, {"Content-Encoding": coding, "Content-Type": kind, "Content-Length": str(len(body))}, body)


LENGTH = b"Content-Length: %d" % SIZE
RIGHT: dict[str, Reply] = {
    "no space behind the status": stated(LENGTH, status=b"HTTP/1.1 200OK"),
    "no reason": stated(LENGTH, status=b"HTTP/1.1 200"),
    "a status line in small letters": stated(LENGTH, b'etag: "1"', status=b"http/1.1 200 ok"),
    "lines that end in LF": raw(b"HTTP/1.1 200 OK\nContent-Length: %d\nConnection: close\n\n%s" % (SIZE, CONTENT)),
    "the length twice in one line": stated(b"Content-Length: %d, %d" % (SIZE, SIZE)),
    "the length with zeros before it": stated(b"Content-Length: %019d" % SIZE),
    "a space before the colon": stated(b"Content-Length : %d" % SIZE),
    "hints first": raw(
        b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\n%s\r\n\r\n" % LENGTH, CONTENT
    ),
    **{f"status {status}": answer(status, {"Content-Length": str(SIZE)}, CONTENT) for status in (201, 203, 226, 299)},
    "a unit is missing": with_range(206, f"0-{SIZE - 1}/{SIZE}"),
    "spaces in the range": with_range(206, f"bytes 0 - {SIZE - 1} / {SIZE}"),
    "a range that ends at the size": with_range(206, f"bytes 0-{SIZE}/{SIZE}"),
    "a range that begins at one": with_range(206, f"bytes 1-{SIZE}/{SIZE}"),
    "a star in place of the range": with_range(206, f"bytes */{SIZE}"),
    "the range twice": with_range(206, f"bytes 0-{SIZE - 1}/{SIZE}, bytes 0-{SIZE - 1}/{SIZE}"),
    "200 of an unknown size": with_range(200, f"bytes 0-{SIZE - 1}/*"),
    "200 without a size": with_range(200, f"bytes 0-{SIZE - 1}"),
    **{f"200 and {text!r}": with_range(200, text) for text in ("none", "", "bytes")},
    "gzip stated of plain bytes": packed(CONTENT),
    "zeros behind gzip": packed(PACKED + bytes(100)),
    "a line break behind gzip": packed(PACKED + b"\r\n"),
    "one byte behind gzip": packed(PACKED + b"\n"),
    "text behind gzip": packed(PACKED + b"\x1f and more \x1f\x8b"),
    "raw deflate": packed(RAW_DEFLATE, "deflate"),
}


@pytest.mark.parametrize("reply", RIGHT.values(), ids=RIGHT)
async def test_an_odd_form_costs_no_byte(server: Server, download: Download, reply: Reply) -> None:
    fetched = await download.fetch(server.at("/f", reply))
    assert (download.part.read_bytes(), fetched.size) == (CONTENT, SIZE)


async def test_fewer_bytes_than_a_compressed_body_was_stated_to_have_are_no_file(
    server: Server, download: Download
) -> None:
    lines = (b"Content-Encoding: gzip", b"Content-Range: bytes 0-%d/%d" % (SIZE - 1, SIZE))
    with pytest.raises(IncompleteBody, match="100 of 6400 bytes"):
        await download.fetch(server.at("/f", stated(*lines, body=CONTENT[:100])))


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
async def test_an_empty_body_is_empty_in_any_compression(server: Server, download: Download, coding: str) -> None:
    await download.fetch(server.at("/f", packed(b"", coding)))
    assert download.part.read_bytes() == b""


@pytest.mark.parametrize("kind", ["application/gzip", "application/x-gzip; charset=binary"])
async def test_a_gzip_file_by_its_type_is_kept_as_it_is(server: Server, download: Download, kind: str) -> None:
    await download.fetch(server.at("/f", packed(PACKED, "x-gzip", kind)))
    assert download.part.read_bytes() == PACKED


@pytest.mark.parametrize("step", [1, 2, 3])
@pytest.mark.parametrize("coding", ["gzip", "deflate"])
async def test_a_compressed_body_may_come_byte_by_byte(coding: str, step: int) -> None:
    body = PACKED + PACKED + b"\n" if coding == "gzip" else RAW_DEFLATE
    decoder = Decoder([coding])
    plain = b"".join(
        piece for start in range(0, len(body), step) for piece in decoder.decode(body[start : start + step])
    )
    decoder.check_end()
    assert plain == (CONTENT * 2 if coding == "gzip" else CONTENT)


PARTS = [
    *((200, text) for text in ("bytes 0-6399/9999", "bytes 0-9/20", "bytes 0-9/6400", "bytes 2000-", "items 0-1/2")),
    *((206, text) for text in ("bytes 0-6399/9999", "bytes 0-6399/*", "")),
]


@pytest.mark.parametrize(("status", "content_range"), PARTS)
async def test_what_may_be_a_part_only_is_no_file(
    server: Server, download: Download, status: int, content_range: str
) -> None:
    with pytest.raises(ProtocolError, match="another part"):
        await download.fetch(server.at("/f", with_range(status, content_range)))


@pytest.mark.parametrize("status", [202, 204, 205, 207, 208])
async def test_an_answer_that_has_no_file_is_none(server: Server, download: Download, status: int) -> None:
    with pytest.raises(HTTPStatusError, match=str(status)):
        await download.fetch(server.at("/f", answer(status, {"Content-Length": "0"})))


LOCATIONS = {
    "/t\u00a0a\u00a0": "/t%C2%A0a%C2%A0",
    "http:/127.0.0.1:PORT/one": "/one",
    "http:///127.0.0.1:PORT/three": "/three",
    "HTTP://127.0.0.1:0PORT/zero": "/zero",
    " /spaces  ": "/spaces",
    "//127.0.0.1:PORT/same": "/same",
    "?query": "/f?query",
}


@pytest.mark.parametrize(("location", "target"), LOCATIONS.items())
@pytest.mark.parametrize("status", [300, 308])
async def test_a_redirect_is_followed_where_browsers_follow_it(
    server: Server, download: Download, location: str, target: str, status: int
) -> None:
    line = f"Location: {location}".replace("PORT", str(server.port)).encode()
    away = stated(line, b"Content-Length: 0", status=b"HTTP/1.1 %d Away" % status, body=b"")
    server.at(target.partition("?")[0], honest(CONTENT))
    await download.fetch(server.at("/f", away, honest(CONTENT)))
    assert (server.requests[-1].target, download.part.read_bytes()) == (target, CONTENT)


@pytest.mark.parametrize(
    "lines",
    [
        b"HTTP/1.1 20",
        b"HTTP/1.1 200 OK\r\n",
        b'HTTP/1.1 200 OK\r\nETag: "v1"\r\n',
        b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nETag",
        b"HTTP/1.1 401 No\r\nContent-Length: 0\r\n",
        b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n",
    ],
)
async def test_headers_that_break_off_are_no_empty_file(server: Server, download: Download, lines: bytes) -> None:
    with pytest.raises(ConnectionFailed) as error:
        await download.fetch(server.at("/f", raw(lines)))
    assert error.value.transient


async def test_a_refusal_in_small_letters_is_one(server: Server, download: Download) -> None:
    with pytest.raises(HTTPStatusError, match="404"):
        await download.fetch(server.at("/f", stated(LENGTH, status=b"http/1.1 404 not found")))
