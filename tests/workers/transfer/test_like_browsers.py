"""Servers that every other client gets the right bytes from: the same bytes, or the true reason."""

import asyncio
import gzip
import hashlib
import random
import re
from pathlib import Path

import pytest

from simulcast.model.download_options import DownloadOptions
from tests.fetching import LOCAL, Download, terms
from tests.scripted_server import Reply, Request, Server, answer, chunked, head, honest, raw, redirect
from workers.disk.checksum import Digest
from workers.errors import HTTPStatusError, IncompleteBody, ProtocolError, ReadTimeout, UnexpectedContentEncoding
from workers.http.client import Client
from workers.http.response import RemoteFile

CONTENT = random.Random(21).randbytes(300_000)
MODIFIED = "Tue, 24 Nov 2020 12:00:00 GMT"


def by_date(content: bytes, cut_after: int | None = None, etag: str | None = None) -> Reply:
    """As a server that has Last-Modified and, if any, a weak ETag: Go's file server, Express."""

    async def reply(request: Request, writer: asyncio.StreamWriter) -> None:
        said = {"Last-Modified": MODIFIED, "Date": "Wed, 25 Nov 2020 12:00:00 GMT"} | ({"ETag": etag} if etag else {})
        asked = re.fullmatch(r"bytes=([0-9]+)-([0-9]*)", request.headers.get("range", ""))
        start, end, status = 0, len(content), 200
        if asked and request.headers.get("if-range") in (MODIFIED, None):
            start, end, status = int(asked[1]), int(asked[2] or len(content) - 1) + 1, 206
            said["Content-Range"] = f"bytes {start}-{end - 1}/{len(content)}"
        body = content[start:end]
        writer.write(head(status, {**said, "Content-Length": str(len(body))}))
        writer.write(body if cut_after is None else body[:cut_after])
        await writer.drain()

    return reply


async def broken_off(download: Download, url: str) -> None:
    with pytest.raises(IncompleteBody):
        await download.fetch(url)


async def test_a_200_that_brings_only_the_rest_is_not_the_whole(server: Server, download: Download) -> None:
    half = len(CONTENT) // 2
    rest = {"ETag": '"v1"', "Content-Range": f"bytes {half}-{len(CONTENT) - 1}/{len(CONTENT)}"}
    url = server.at("/f", honest(CONTENT, cut_after=half), answer(200, rest, CONTENT[half:]))
    await broken_off(download, url)
    await download.fetch(url)
    assert download.part.read_bytes() == CONTENT


async def test_a_size_that_was_stated_under_a_validator_stays_known(server: Server, download: Download) -> None:
    chunks = raw(
        b'HTTP/1.1 200 OK\r\nETag: "v1"\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n'
        + chunked(CONTENT[:1000])
    )
    url = server.at("/f", honest(CONTENT, cut_after=50_000), chunks, honest(CONTENT))
    await broken_off(download, url)
    await broken_off(download, url)
    await download.fetch(url)
    assert download.part.read_bytes() == CONTENT


async def test_two_sizes_of_one_version_are_an_error_and_no_file(server: Server, download: Download) -> None:
    short = answer(200, {"ETag": '"v1"', "Content-Length": "1000"}, CONTENT[:1000])
    url = server.at("/f", honest(CONTENT, cut_after=50_000), short)
    await broken_off(download, url)
    with pytest.raises(ProtocolError, match="states 1000 and 300000 bytes for one version"):
        await download.fetch(url)


async def test_a_compressed_archive_is_kept_as_it_is(server: Server, download: Download) -> None:
    archive = gzip.compress(CONTENT)
    await download.fetch(server.at("/f.tar.gz", honest(archive, headers={"Content-Encoding": "gzip"})))
    assert download.part.read_bytes() == archive


@pytest.mark.parametrize("coding", ["br", "zstd", "compress", "gzip, gzip", "gzip, br"])
async def test_a_compression_that_is_neither_the_files_own_nor_to_be_undone_is_refused(
    server: Server, download: Download, coding: str
) -> None:
    url = server.at("/f.tar.gz", honest(gzip.compress(CONTENT), headers={"Content-Encoding": coding}))
    with pytest.raises(UnexpectedContentEncoding):
        await download.fetch(url)


@pytest.mark.parametrize("framing", ["length", "chunks"])
async def test_a_text_that_is_sent_compressed_is_decompressed(server: Server, download: Download, framing: str) -> None:
    packed = gzip.compress(CONTENT[:100_000]) + gzip.compress(CONTENT[100_000:])
    chunks = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
    reply = honest(packed, headers={"Content-Encoding": "gzip"})
    if framing == "chunks":
        reply = raw(chunks + chunked(packed[:7], packed[7:]))
    await download.fetch(server.at("/f.txt", reply))
    assert download.part.read_bytes() == CONTENT


@pytest.mark.parametrize("coding", ["none", "UTF-8", "aws-chunked", "binary", "identity"])
async def test_a_word_that_is_no_compression_changes_nothing(server: Server, download: Download, coding: str) -> None:
    await download.fetch(server.at("/f", honest(CONTENT, headers={"Content-Encoding": coding})))
    assert download.part.read_bytes() == CONTENT


async def test_a_cookie_of_a_redirect_is_sent_where_it_leads(server: Server, download: Download) -> None:
    async def guarded(request: Request, writer: asyncio.StreamWriter) -> None:
        has_cookie = "pass=1" in request.headers.get("cookie", "")
        await (honest(CONTENT) if has_cookie else answer(403, {"Content-Length": "0"}))(request, writer)

    server.at("/g", guarded)
    given = {"Location": "/g", "Set-Cookie": "pass=1; Path=/", "Content-Length": "0"}
    url = server.at("/f", answer(302, given))
    await download.fetch(url)
    assert download.part.read_bytes() == CONTENT
    await download.fetch(url)
    assert "cookie" not in server.requests[-2].headers, "another download knows nothing of it"


async def test_a_header_of_nine_kilobytes_is_a_header(server: Server, download: Download) -> None:
    await download.fetch(server.at("/f", honest(CONTENT, headers={"X-Policy": "x" * 9_000})))
    assert download.part.read_bytes() == CONTENT


TARGETS = ["/a%2Fb%3Ac%7Ed", "/%7e%2f", "/a[1]|b", "/a/./b/../c", "/a//b", "/x?sig=a%2fb&y='()*!~", "/q?a=[1]|{2}"]


@pytest.mark.parametrize("target", TARGETS)
async def test_an_address_is_sent_byte_for_byte(server: Server, download: Download, target: str) -> None:
    server.at(target.split("?")[0], honest(CONTENT))
    await download.fetch(f"http://127.0.0.1:{server.port}{target}")
    await download.fetch(server.at("/start", redirect(target)))
    await download.fetch(server.at("/far", redirect(f"http://127.0.0.1:{server.port}{target}")))
    assert [request.target for request in server.requests if request.target.startswith(target)] == [target] * 3


async def test_only_what_is_illegal_in_an_address_is_encoded(server: Server, download: Download) -> None:
    server.at("/%C3%A4%20b%7f", honest(CONTENT))
    await download.fetch(f"http://127.0.0.1:{server.port}/ä b%7f#part")
    assert server.requests[-1].target == "/%C3%A4%20b%7f"


@pytest.mark.parametrize("etag", [None, 'W/"1"'])
async def test_a_date_continues_what_broke_off(server: Server, download: Download, etag: str | None) -> None:
    url = server.at("/f", by_date(CONTENT, 100_000, etag))
    for _ in range(2):
        await broken_off(download, url)
    await download.fetch(url)
    assert download.part.read_bytes() == CONTENT
    assert [request.headers.get("range") for request in server.requests] == [None, "bytes=100000-", "bytes=200000-"]


@pytest.mark.parametrize("changed", ['W/"2"', None])
async def test_another_weak_etag_is_another_version_though_date_and_size_are_the_same(
    server: Server, download: Download, changed: str | None
) -> None:
    other = CONTENT[::-1]
    url = server.at("/f", by_date(CONTENT, 100_000, 'W/"1"'), by_date(other, etag=changed))
    await broken_off(download, url)
    await download.fetch(url)
    assert download.part.read_bytes() == other


async def test_a_date_of_the_same_second_continues_nothing(server: Server, download: Download) -> None:
    young = {"Last-Modified": MODIFIED, "Date": MODIFIED, "Content-Length": str(len(CONTENT))}
    url = server.at("/f", answer(200, young, CONTENT[:100_000]), by_date(CONTENT))
    await broken_off(download, url)
    await download.fetch(url)
    assert "range" not in server.requests[1].headers


async def test_with_a_checksum_any_bytes_are_continued_and_verified(server: Server, download: Download) -> None:
    def verified() -> Digest:
        return Digest(f"sha256:{hashlib.sha256(CONTENT).hexdigest()}")

    async def unnamed(request: Request, writer: asyncio.StreamWriter) -> None:
        asked = re.fullmatch(r"bytes=([0-9]+)-", request.headers.get("range", ""))
        start = int(asked[1]) if asked else 0
        said = {"Content-Range": f"bytes {start}-{len(CONTENT) - 1}/{len(CONTENT)}"} if asked else {}
        body = CONTENT[start : None if asked else 120_000]
        await answer(206 if asked else 200, {**said, "Content-Length": str(len(CONTENT) - start)}, body)(
            request, writer
        )

    url = server.at("/f", unnamed)
    with pytest.raises(IncompleteBody):
        await download.fetch(url, terms(digest=verified()))
    await download.fetch(url, terms(digest=verified()))
    assert download.part.read_bytes() == CONTENT
    assert server.requests[-1].headers["range"] == "bytes=120000-"
    download.part.write_bytes(b"x" * 120_000)  # the bytes of another version
    download.sources.append(RemoteFile(None, len(CONTENT)))
    await download.fetch(server.at("/f", unnamed, honest(CONTENT)), terms(digest=verified()))
    assert download.part.read_bytes() == CONTENT


@pytest.mark.parametrize("status", [400, 405, 412, 416, 501, 304])
async def test_an_odd_answer_to_a_part_falls_back_to_the_whole(server: Server, download: Download, status: int) -> None:
    url = server.at("/f", answer(status, {"Content-Length": "0"}), honest(CONTENT))
    await download.holding(CONTENT[:1000], RemoteFile('"v1"', len(CONTENT))).fetch(url)
    assert download.part.read_bytes() == CONTENT
    assert ["range" in request.headers for request in server.requests] == [True, False]


async def test_the_mirror_that_answered_is_asked_first_and_the_origin_again_where_it_fails(
    server: Server, download: Download
) -> None:
    async with Server() as mirror, Server() as other:
        mirror.at("/m", honest(CONTENT, cut_after=100_000), honest(CONTENT, cut_after=100_000), answer(404, {}))
        other.at("/o", honest(CONTENT))
        origin = f"http://127.0.0.1:{server.port}/f"
        server.at("/f", redirect(f"http://127.0.0.1:{mirror.port}/m"), redirect(f"http://127.0.0.1:{other.port}/o"))
        for _ in range(2):
            await broken_off(download, origin)
        assert len(server.requests) == 1
        await download.fetch(origin)
        assert download.part.read_bytes() == CONTENT
        assert (len(server.requests), other.requests[-1].headers["range"]) == (2, "bytes=200000-")


async def drip(writer: asyncio.StreamWriter, piece: bytes) -> None:
    while True:
        writer.write(piece)
        await writer.drain()
        await asyncio.sleep(0.02)


@pytest.mark.parametrize("piece", [b"HTTP/1.1 100 Continue\r\n\r\n", b"X: y\r\n", b"x"])
async def test_headers_that_never_end_are_left(server: Server, tmp_path: Path, piece: bytes) -> None:
    async def dripping(request: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(b"" if piece.startswith(b"HTTP") else b"HTTP/1.1 200 OK\r\n")
        await drip(writer, piece)

    async with Client(LOCAL, read_timeout_s=0.3) as client:
        with pytest.raises(ReadTimeout):
            await Download(client, tmp_path / "p").fetch(server.at("/f", dripping))


@pytest.mark.parametrize("piece", [b"", b"x"], ids=["never comes", "drips"])
async def test_a_redirect_is_followed_though_its_own_body_does_not_come(
    server: Server, download: Download, piece: bytes
) -> None:
    async def away(request: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(head(302, {"Location": "/g", "Content-Length": "60000"}))
        await drip(writer, piece)

    server.at("/g", honest(CONTENT))
    async with asyncio.timeout(20):
        await download.fetch(server.at("/f", away))
    assert download.part.read_bytes() == CONTENT


async def test_digest_authentication_is_answered(server: Server, download: Download) -> None:
    async def guarded(request: Request, writer: asyncio.StreamWriter) -> None:
        if request.headers.get("authorization", "").startswith("Digest "):
            await honest(CONTENT)(request, writer)
            return
        challenge = 'Digest realm="r", nonce="n", qop="auth", algorithm=MD5'
        await answer(401, {"WWW-Authenticate": challenge, "Content-Length": "0"})(request, writer)

    given = terms()
    given.given = DownloadOptions.model_validate({"basic": {"user": "kim", "password": "pw"}})
    await download.fetch(server.at("/f", guarded), given)
    assert download.part.read_bytes() == CONTENT
    assert 'username="kim"' in server.requests[-1].headers["authorization"]


async def test_a_wrong_password_is_the_reason(server: Server, download: Download) -> None:
    challenge = answer(401, {"WWW-Authenticate": 'Digest realm="r", nonce="n"', "Content-Length": "0"})
    with pytest.raises(HTTPStatusError, match="401"):
        await download.fetch(server.at("/f", challenge).replace("//", "//kim:pw@"))


async def test_small_files_come_over_one_connection(server: Server, download: Download) -> None:
    """`ranged` and the others close it; this server keeps it."""
    connections: set[int] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.add(id(writer))
        while await reader.readuntil(b"\r\n\r\n"):
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")

    keeping = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = keeping.sockets[0].getsockname()[1]
    for _ in range(5):
        await download.fetch(f"http://127.0.0.1:{port}/f")
        assert download.part.read_bytes() == b"hello"
    keeping.close()  # without waiting for the connection, which the client keeps
    assert len(connections) == 1
