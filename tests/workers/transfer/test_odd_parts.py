"""Answers to a request for the rest of a file that state less of its version than the first answer did."""

import asyncio
import hashlib
import itertools
import random

import pytest

from tests.fetching import Download, terms
from tests.scripted_server import Reply, Request, Server, answer
from workers.disk.checksum import Digest
from workers.errors import ChecksumMismatch, IncompleteBody

CONTENT = random.Random(19).randbytes(300_000)
DATE = "Wed, 25 Nov 2020 12:00:00 GMT"
MODIFIED = "Tue, 24 Nov 2020 12:00:00 GMT"
CUT = 120_000


def parts(versions: list[dict[str, str]], content: bytes = CONTENT, cut_after: int = CUT) -> Reply:
    """Serve the whole, cut, and the rest to each Range; each answer states the next version, the last one for ever."""
    left = itertools.chain(versions, itertools.repeat(versions[-1]))

    async def reply(request: Request, writer: asyncio.StreamWriter) -> None:
        version = next(left)
        start = int(request.headers.get("range", "bytes=0-").removeprefix("bytes=").rstrip("-"))
        named = {"Content-Range": f"bytes {start}-{len(content) - 1}/{len(content)}"} if start else {}
        stated = {"Date": DATE, **version, **named, "Content-Length": str(len(content) - start)}
        await answer(206 if start else 200, stated, content[start : start + cut_after])(request, writer)

    return reply


async def broken_off(download: Download, url: str, digest: Digest | None = None) -> None:
    with pytest.raises(IncompleteBody):
        await download.fetch(url, terms(digest=digest))


def digest_of(content: bytes = CONTENT) -> Digest:
    return Digest(f"sha256:{hashlib.sha256(content).hexdigest()}")


@pytest.mark.parametrize("etag", [{}, {"ETag": 'W/"1"'}], ids=["no ETag", "a weak ETag"])
async def test_the_rest_of_a_version_that_has_a_date_need_not_repeat_it(
    server: Server, download: Download, etag: dict[str, str]
) -> None:
    """RFC 9110 §15.3.7: the answer to If-Range should not have Last-Modified."""
    url = server.at("/f", parts([{"Last-Modified": MODIFIED, **etag}, etag]))
    await broken_off(download, url)
    await broken_off(download, url)
    fetched = await download.fetch(url)
    assert download.part.read_bytes() == CONTENT
    assert [request.headers.get("range") for request in server.requests] == [None, "bytes=120000-", "bytes=240000-"]
    assert {request.headers.get("if-range") for request in server.requests[1:]} == {MODIFIED}
    assert fetched.source.modified == MODIFIED, "the file gets its time"


@pytest.mark.parametrize("stated", [{}, {"ETag": 'W/"2"'}, {"ETag": '"1"'}, {"Last-Modified": DATE}])
async def test_the_rest_of_what_may_be_another_version_is_not_taken(
    server: Server, download: Download, stated: dict[str, str]
) -> None:
    other = CONTENT[::-1]
    first = parts([{"Last-Modified": MODIFIED, "ETag": 'W/"1"'}])
    url = server.at("/f", first, parts([stated], other, len(other)))
    await broken_off(download, url)
    await download.fetch(url)
    assert download.part.read_bytes() == other


async def test_with_a_checksum_the_rest_is_taken_under_any_validator(server: Server, download: Download) -> None:
    """Servers that take turns, or that make an ETag of the time of the request, have another one each time."""
    url = server.at("/f", parts([{"ETag": f'"{number}"'} for number in range(9)]))
    await broken_off(download, url, digest_of())
    await broken_off(download, url, digest_of())
    await download.fetch(url, terms(digest=digest_of()))
    assert download.part.read_bytes() == CONTENT
    assert [request.headers.get("range") for request in server.requests] == [None, "bytes=120000-", "bytes=240000-"]


@pytest.mark.parametrize("is_wanted", [True, False])
async def test_bytes_of_two_versions_are_found_by_their_checksum_and_made_anew(
    server: Server, download: Download, is_wanted: bool
) -> None:
    other = CONTENT[::-1]
    url = server.at("/f", parts([{"ETag": '"1"'}]), parts([{"ETag": '"2"'}], other, len(other)))
    digest = digest_of(other if is_wanted else b"")
    await broken_off(download, url, digest)
    if is_wanted:
        await download.fetch(url, terms(digest=digest))
        assert download.part.read_bytes() == other
    else:
        with pytest.raises(ChecksumMismatch):
            await download.fetch(url, terms(digest=digest))
    assert ["range" in request.headers for request in server.requests] == [False, True, False]


@pytest.mark.parametrize("etag", ["5f3c-7d2", '"5f3c 7d2"'])
async def test_a_tag_that_is_odd_in_its_form_names_a_version(server: Server, download: Download, etag: str) -> None:
    url = server.at("/f", parts([{"ETag": etag}]))
    await broken_off(download, url)
    await broken_off(download, url)
    await download.fetch(url)
    assert download.part.read_bytes() == CONTENT
    assert {request.headers.get("if-range") for request in server.requests[1:]} == {etag}
