"""What a worker waits for, takes and keeps: too slow, too large, no room, the wrong bytes."""

import asyncio
import hashlib
import os
import random
import time
from collections import namedtuple
from pathlib import Path

import pytest

from tests.conditions import until
from tests.fetching import LOCAL, Download, terms
from tests.scripted_server import Reply, Request, Server, answer, chunked, head, honest, raw
from workers.disk.checksum import Digest
from workers.disk.disk_space import DiskSpace
from workers.disk.part_file import PartFile
from workers.errors import ChecksumMismatch, DiskFull, IncompleteBody, ReadTimeout, TooLarge, TooSlow
from workers.http.client import Client
from workers.http.rate_limit import BandwidthLimiter

CONTENT = random.Random(9).randbytes(3_000_000)
SHA256 = hashlib.sha256(CONTENT).hexdigest()
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"


def a_minute_a_second() -> float:
    return time.monotonic() * 60


def dripping(first: bytes) -> Reply:
    """A byte now and then, for ever: never silent for long."""

    async def drip(request: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(first)
        while True:
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0.01)

    return drip


async def test_a_server_that_only_drips_is_left(server: Server, tmp_path: Path) -> None:
    async with Client(LOCAL, read_timeout_s=10) as client:
        url = server.at("/f", dripping(head(200, {"Content-Length": "1000000"})))
        with pytest.raises(TooSlow, match=r"bytes a second for 20 s, less than 10,000"):
            await Download(client, tmp_path / "p").fetch(url, terms(min_speed=10_000, clock=a_minute_a_second))


async def test_what_is_slow_by_our_own_limit_is_not_too_slow(server: Server, tmp_path: Path) -> None:
    """Only waiting for the server counts."""
    async with Client(LOCAL, read_timeout_s=10) as client:
        download, loop = Download(client, tmp_path / "p"), asyncio.get_running_loop()
        by = terms(min_speed=2_000, pace=BandwidthLimiter(100_000, loop.time), clock=a_minute_a_second)
        await download.fetch(server.at("/f", honest(CONTENT[:60_000])), by)
    assert download.part.read_bytes() == CONTENT[:60_000]


async def test_a_slow_download_is_told_of_evenly(server: Server, download: Download) -> None:
    by = terms(pace=BandwidthLimiter(500_000, asyncio.get_running_loop().time))
    await download.fetch(server.at("/f", honest(CONTENT[:500_000])), by)
    steps = [after[0] - before[0] for before, after in zip(download.told, download.told[1:], strict=False)]
    assert max(steps) <= 250_000


@pytest.mark.parametrize("etag", ['"v1"', None])
async def test_a_file_that_is_announced_too_large_is_not_begun(
    server: Server, download: Download, etag: str | None
) -> None:
    by = terms(room=DiskSpace(download.part.parent, most=2_999_999))
    with pytest.raises(TooLarge, match=r"has 3,000,000 bytes, more than the 2,999,999 that"):
        await download.fetch(server.at("/f", honest(CONTENT, etag)), by)
    assert download.part.stat().st_size == 0


@pytest.mark.parametrize("framing", ["chunks", "end of connection"])
async def test_a_body_without_end_is_cut_off(server: Server, download: Download, framing: str) -> None:
    async def endless(request: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(CHUNKED if framing == "chunks" else head(200, {}))
        while True:
            writer.write(chunked(bytes(10_000), end=b"") if framing == "chunks" else bytes(10_000))
            await writer.drain()

    with pytest.raises(TooLarge, match="the file has more"):
        await download.fetch(server.at("/f", endless), terms(room=DiskSpace(download.part.parent, most=500_000)))
    assert download.part.stat().st_size <= 500_000 + 600_000


Disk = namedtuple("Disk", "f_bavail f_frsize")


async def test_where_the_disk_has_no_room_nothing_is_written(
    server: Server, download: Download, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "statvfs", lambda folder: Disk(1000, 4096))
    by = terms(room=DiskSpace(download.part.parent, kept=2_000_000))
    with pytest.raises(DiskFull) as caught:
        await download.fetch(server.at("/f", honest(CONTENT)), by)
    assert str(caught.value) == (
        "the file needs 3,000,000 bytes more, and of 4,096,000 that are free 2,000,000 are kept free "
        "(SIMULCAST_MIN_FREE_BYTES): make room in the download folder"
    )
    assert download.part.stat().st_size == 0
    await download.fetch(server.at("/f", honest(CONTENT[:2_096_000])), by)


async def test_what_is_there_already_needs_no_room(
    server: Server, download: Download, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = server.at("/f", honest(CONTENT, cut_after=2_900_000), honest(CONTENT))
    with pytest.raises(IncompleteBody):
        await download.fetch(url)
    monkeypatch.setattr(os, "statvfs", lambda folder: Disk(100_000, 1))
    await download.fetch(url, terms(room=DiskSpace(download.part.parent)))
    assert download.part.read_bytes() == CONTENT


async def test_what_a_running_download_still_needs_is_not_free_for_another_one(
    server: Server, download: Download, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "statvfs", lambda folder: Disk(5_000_000, 1))
    room, go_on = DiskSpace(download.part.parent), asyncio.Event()
    other = Download(download.client, download.part.with_name("other.part.1-a"))

    async def held(request: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(head(200, {"Content-Length": str(len(CONTENT))}))
        await go_on.wait()
        writer.write(CONTENT)
        await writer.drain()

    first = asyncio.create_task(download.fetch(server.at("/f", held), terms(room=room)))
    await until(lambda: download.told, "the first one's beginning")
    with pytest.raises(DiskFull, match=r"needs 3,000,000 bytes more, and of 2,000,000 that are free"):
        await other.fetch(server.at("/g", honest(CONTENT)), terms(room=room))
    go_on.set()
    await first
    await other.fetch(server.at("/g", honest(CONTENT)), terms(room=room))
    assert other.part.read_bytes() == CONTENT


@pytest.mark.parametrize("connections", [1, 4])
async def test_what_a_running_download_has_written_is_not_counted_twice(
    server: Server, download: Download, monkeypatch: pytest.MonkeyPatch, connections: int
) -> None:
    """Else a file that fits beside it is refused for good."""
    monkeypatch.setattr("workers.transfer.fetch.MIN_SPLIT_BYTES", 100_000)
    written, go_on = 2_900_000, asyncio.Event()
    free = iter([Disk(4_000_000, 1), *[Disk(4_000_000 - written, 1)] * 99])
    monkeypatch.setattr(os, "statvfs", lambda folder: next(free))
    room = DiskSpace(download.part.parent)
    other = Download(download.client, download.part.with_name("other.part.1-a"))

    async def held(request: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(head(200, {"ETag": '"v1"', "Content-Length": str(len(CONTENT))}) + CONTENT[:written])
        await go_on.wait()
        writer.write(CONTENT[written:])
        await writer.drain()

    first = asyncio.create_task(download.fetch(server.at("/f", held), terms(room=room, connections=connections)))
    await until(lambda: download.told and download.told[-1][0] == written, "the first one's beginning")
    await other.fetch(server.at("/g", honest(CONTENT[:1_000_000])), terms(room=room))
    go_on.set()
    await first
    assert download.part.read_bytes() == CONTENT


@pytest.mark.parametrize("announced", [True, False])
async def test_a_disk_that_others_fill_meanwhile_ends_the_download(
    server: Server, download: Download, monkeypatch: pytest.MonkeyPatch, announced: bool
) -> None:
    monkeypatch.setattr("workers.transfer.fetch.CHECK_BYTES", 500_000)
    free = iter([Disk(10_000_000, 1), Disk(0, 1)])
    monkeypatch.setattr(os, "statvfs", lambda folder: next(free))
    reply = honest(CONTENT) if announced else raw(CHUNKED, chunked(CONTENT))
    with pytest.raises(DiskFull):
        await download.fetch(server.at("/f", reply), terms(room=DiskSpace(download.part.parent, kept=1)))


@pytest.mark.parametrize("kind", ["sha256", "sha512", "sha1", "md5"])
async def test_the_right_bytes_pass_and_any_other_do_not(server: Server, download: Download, kind: str) -> None:
    digest = hashlib.new(kind, CONTENT).hexdigest()
    url = server.at("/f", honest(CONTENT), honest(CONTENT[:-1] + b"x"))
    await download.fetch(url, terms(digest=Digest(f"{kind}:{digest}")))
    download.sources.clear()
    with pytest.raises(ChecksumMismatch) as caught:
        await download.fetch(url, terms(digest=Digest(f"{kind}:{digest}")))
    found = hashlib.new(kind, CONTENT[:-1] + b"x").hexdigest()
    assert str(caught.value) == f"the file's {kind} is {found}, and {digest} was asked for: it is not kept"


async def test_an_error_page_with_200_is_found_by_its_digest(server: Server, download: Download) -> None:
    page = answer(200, {"Content-Type": "text/html", "ETag": '"v1"'}, b"<h1>Sorry</h1>")
    with pytest.raises(ChecksumMismatch):
        await download.fetch(server.at("/f", page), terms(digest=Digest(f"sha256:{SHA256}")))


@pytest.mark.parametrize("again", ["goes on", "starts over", "another version"])
async def test_the_digest_of_a_resumed_file_is_that_of_all_of_it(
    server: Server, download: Download, again: str
) -> None:
    second = {
        "goes on": honest(CONTENT),
        "starts over": answer(200, {"ETag": '"v1"', "Content-Length": str(len(CONTENT))}, CONTENT),
        "another version": honest(CONTENT, '"v2"'),
    }[again]
    first = honest(bytes(len(CONTENT)) if again == "another version" else CONTENT, cut_after=1_234_567)
    url = server.at("/f", first, second)
    with pytest.raises(IncompleteBody):
        await download.fetch(url, terms(digest=Digest(f"sha256:{SHA256}")))
    await download.fetch(url, terms(digest=Digest(f"sha256:{SHA256}")))
    assert download.part.read_bytes() == CONTENT


async def test_a_file_that_was_written_from_its_beginning_is_not_read_again(
    server: Server, download: Download, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("it was read")

    monkeypatch.setattr(Digest, "_read", refuse)
    await download.fetch(server.at("/f", honest(CONTENT)), terms(digest=Digest(f"sha256:{SHA256}")))


async def test_of_a_resumed_file_only_what_was_there_is_read_again(
    server: Server, download: Download, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[int] = []
    real = Digest._read

    def watched(self: Digest, file: PartFile, upto: int) -> None:
        read.append(upto)
        real(self, file, upto)

    url = server.at("/f", honest(CONTENT, cut_after=1_234_567), honest(CONTENT))
    with pytest.raises(IncompleteBody):
        await download.fetch(url)
    monkeypatch.setattr(Digest, "_read", watched)
    await download.fetch(url, terms(digest=Digest(f"sha256:{SHA256}")))
    assert read == [1_234_567]


async def test_a_wrong_byte_in_what_was_there_already_is_found(server: Server, download: Download) -> None:
    url = server.at("/f", honest(CONTENT, cut_after=1_000_000), honest(CONTENT))
    with pytest.raises(IncompleteBody):
        await download.fetch(url)
    with download.part.open("r+b") as file:
        file.write(b"\0\0\0\0")
    with pytest.raises(ChecksumMismatch):
        await download.fetch(url, terms(digest=Digest(f"sha256:{SHA256}")))


async def test_a_limit_that_is_lifted_lets_a_running_download_go(server: Server, download: Download) -> None:
    pace = BandwidthLimiter(1000, asyncio.get_running_loop().time)
    task = asyncio.create_task(download.fetch(server.at("/f", honest(CONTENT)), terms(pace=pace)))
    await until(lambda: len(download.told) > 1)
    assert not task.done()
    pace.change(None)
    await task
    assert download.part.read_bytes() == CONTENT


async def test_silence_is_silence_also_with_a_limit(server: Server, tmp_path: Path) -> None:
    async def stops(request: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(head(200, {"Content-Length": "100000"}) + bytes(20_000))
        await asyncio.Event().wait()

    async with Client(LOCAL, read_timeout_s=0.2) as client:
        by = terms(pace=BandwidthLimiter(100_000, asyncio.get_running_loop().time))
        with pytest.raises(ReadTimeout):
            await Download(client, tmp_path / "p").fetch(server.at("/f", stops), by)


async def test_cancelled_while_a_limit_holds_it_back_it_keeps_what_it_told(
    client: Client, server: Server, tmp_path: Path
) -> None:
    download = Download(client, tmp_path / "p")
    by = terms(pace=BandwidthLimiter(20_000, asyncio.get_running_loop().time))
    task = asyncio.create_task(download.fetch(server.at("/f", honest(CONTENT)), by))
    await until(lambda: len(download.told) > 2)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert CONTENT.startswith(download.part.read_bytes())
    assert download.part.stat().st_size == download.told[-1][0]
