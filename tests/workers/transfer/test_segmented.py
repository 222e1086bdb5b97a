"""Several connections for one file: it is right whatever they meet, and what is said of the disk is true."""

import asyncio
import hashlib
import random
from collections.abc import Callable, Mapping

import pytest

from tests.conditions import until
from tests.fetching import Download, terms
from tests.scripted_server import Reply, Request, Server, answer, honest, ranged, raw
from tests.workers.transfer.segments import CONTENT, fetch_options, slow
from workers.disk.checksum import Digest
from workers.disk.part_file import PartFile
from workers.errors import ConnectionFailed, DownloadFailed, IncompleteBody
from workers.http.byte_ranges import length, missing_ranges
from workers.http.host_limits import HostLimits
from workers.http.rate_limit import BandwidthLimiter
from workers.http.response import RemoteFile
from workers.transfer import segmented, segments

pytestmark = pytest.mark.usefixtures("short_segments")
OTHER = random.Random(11).randbytes(2_000_000)


class Stating(Download):
    """Compares each statement with the disk, at the moment it is made."""

    async def on_source(self, source: RemoteFile) -> None:
        await super().on_source(source)
        self.compare(source)

    def compare(self, source: RemoteFile) -> None:
        there = self.part.read_bytes()
        for start, end in source.done or ():
            assert there[start:end] == CONTENT[start:end], "what was said to be there isn't"

    def left(self, source: RemoteFile) -> None:
        self.sources.append(source)
        self.compare(source)


@pytest.fixture
def stating(download: Download) -> Stating:
    return Stating(download.client, download.part)


async def test_a_file_that_takes_long_comes_by_several_connections(server: Server, stating: Stating) -> None:
    fetched = await stating.fetch(server.at("/f.bin", slow()), fetch_options(on_left=stating.left))
    assert stating.part.read_bytes() == CONTENT
    assert (fetched.size, fetched.source) == (len(CONTENT), RemoteFile('"v1"', len(CONTENT), "f.bin"))
    assert len(server.requests) >= 4
    assert all(request.headers["if-range"] == '"v1"' for request in server.requests[1:])
    assert stating.sources[0].done is None and stating.sources[1].done is not None
    received = [told[0] for told in stating.told]
    assert received == sorted(received) and received[-1] == len(CONTENT)


async def test_each_statement_is_made_after_fsync(
    server: Server, stating: Stating, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[int] = []

    real = PartFile.sync

    def sync(file: PartFile) -> None:
        real(file)
        synced.append(1)

    monkeypatch.setattr(PartFile, "sync", sync)
    await stating.fetch(server.at("/f.bin", slow()), fetch_options(on_left=stating.left))
    assert 2 < sum(source.done is not None for source in stating.sources) <= len(synced)


@pytest.mark.parametrize("most", [1, 2, 3])
async def test_no_more_connections_go_to_a_server_than_may(server: Server, download: Download, most: int) -> None:
    class Counting(HostLimits):
        taken = peak = 0

        def take(self, site: str) -> bool:
            got = super().take(site)
            self.taken += got
            self.peak = max(self.peak, self.taken)
            return got

        def release(self, site: str) -> None:
            super().release(site)
            self.taken -= 1

    (hosts := Counting(99, most)).begin("s")
    await download.fetch(server.at("/f", slow()), terms(connections=8, hosts=hosts, site="s"))
    assert download.part.read_bytes() == CONTENT
    assert (hosts.peak, hosts.taken) == (most - 1, 0)


async def test_what_takes_no_longer_than_it_is_worth_is_left_to_one(
    server: Server, download: Download, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(segments, "MIN_REMAINING_S", 1000)
    await download.fetch(server.at("/f", slow()), fetch_options())
    assert len(server.requests) == 1 and [source.done for source in download.sources] == [None]


async def test_what_is_slow_by_our_own_limit_gets_no_more_connections(server: Server, download: Download) -> None:
    now = asyncio.get_running_loop().time
    pace = BandwidthLimiter(
        4_000_000, now
    )  # by a clock that runs slower it's at its limit however busy this machine is
    await download.fetch(server.at("/f", honest(CONTENT)), fetch_options(pace=pace, clock=lambda: now() / 20))
    assert len(server.requests) == 1
    assert download.part.read_bytes() == CONTENT


def first_then(first: Reply, others: Reply) -> Reply:
    """One reply for who asks for the whole, another one for parts."""

    async def reply(request: Request, writer: asyncio.StreamWriter) -> None:
        await (others if "range" in request.headers else first)(request, writer)

    return reply


def part(change: Callable[[int, int], Mapping[str, str]], status: int = 206, body: bytes | None = None) -> Reply:
    """An answer to the part that is asked for, with headers changed as the test wants."""

    async def reply(request: Request, writer: asyncio.StreamWriter) -> None:
        start, end = (int(each) for each in request.headers["range"].removeprefix("bytes=").split("-"))
        said = {"ETag": '"v1"', "Content-Range": f"bytes {start}-{end}/{len(CONTENT)}", **change(start, end)}
        content = OTHER[start : end + 1] if body is None else body
        await answer(status, {name: value for name, value in said.items() if value}, content)(request, writer)

    return reply


WRONG = {
    "the whole": answer(200, {"ETag": '"v1"', "Content-Length": str(len(OTHER))}, OTHER),
    "another version": part(lambda start, end: {"ETag": '"v2"'}),
    "two versions": part(lambda start, end: {"ETag": '"v1"\r\nETag: "v2"'}),
    "a weak ETag": part(lambda start, end: {"ETag": 'W/"v1"'}),
    "no ETag": part(lambda start, end: {"ETag": ""}),
    "another start": part(lambda start, end: {"Content-Range": f"bytes {start + 1}-{end}/{len(CONTENT)}"}),
    "another end": part(lambda start, end: {"Content-Range": f"bytes {start}-{end - 1}/{len(CONTENT)}"}),
    "another total": part(lambda start, end: {"Content-Range": f"bytes {start}-{end}/{len(CONTENT) + 1}"}),
    "an unknown total": part(lambda start, end: {"Content-Range": f"bytes {start}-{end}/*"}),
    "no Content-Range": part(lambda start, end: {"Content-Range": ""}),
    "another length": part(lambda start, end: {"Content-Length": str(end - start)}),
    "gzip": part(lambda start, end: {"Content-Encoding": "gzip"}),
    "several parts": part(lambda start, end: {"Content-Type": "multipart/byteranges; boundary=x"}),
    "416": part(lambda start, end: {}, 416, b""),
    "503": part(lambda start, end: {}, 503, b""),
    "404": part(lambda start, end: {}, 404, b""),
    "no HTTP": raw(b"SSH-2.0-OpenSSH_9.2\r\n"),
}


@pytest.mark.parametrize("wrong", WRONG)
async def test_at_any_doubt_the_file_stays_with_the_one_connection(
    server: Server, download: Download, wrong: str
) -> None:
    url = server.at("/f", first_then(slow(), WRONG[wrong]))
    await download.fetch(url, fetch_options())
    assert download.part.read_bytes() == CONTENT
    assert len(server.requests) == 2, "it was asked again and again"
    assert download.sources[-1].done is None


@pytest.mark.parametrize("seed", range(12))
async def test_connections_that_drop_anywhere_end_in_the_right_file(
    server: Server, stating: Stating, seed: int
) -> None:
    chance = random.Random(seed)

    async def dropping(request: Request, writer: asyncio.StreamWriter) -> None:
        cut = chance.choice([None, 0, 1, chance.randrange(300_000)])
        await ranged(CONTENT, piece=8_192, pause_s=0.002, cut_after=cut)(request, writer)

    url = server.at("/f", dropping)
    for _ in range(200):
        try:
            await stating.fetch(url, fetch_options(on_left=stating.left))
        except (IncompleteBody, OSError, ConnectionFailed):
            continue
        break
    assert stating.part.read_bytes() == CONTENT


@pytest.mark.parametrize("seed", range(8))
async def test_cancelled_at_any_time_a_successor_asks_for_what_is_missing_only(
    server: Server, stating: Stating, seed: int
) -> None:
    url, chance = server.at("/f", slow()), random.Random(seed)
    task = asyncio.create_task(stating.fetch(url, fetch_options(on_left=stating.left)))
    upto = chance.randrange(200_000, 1_200_000)
    await until(lambda: stating.told and stating.told[-1][0] > upto)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    done = stating.sources[-1].done
    assert done is not None and length(done) >= upto
    await stating.fetch(server.at("/successor", slow()), fetch_options(on_left=stating.left))
    assert stating.part.read_bytes() == CONTENT
    later = [request for request in server.requests if request.target == "/successor"]
    asked = [request.headers["range"].removeprefix("bytes=").split("-") for request in later]
    for first, last in asked:
        assert any(start <= int(first) and int(last) < end for start, end in missing_ranges(done, len(CONTENT)))


async def interrupted(server: Server, download: Stating, reply: Reply) -> str:
    """A split download that was cancelled half way; the reply is what comes next."""
    url = server.at("/f", slow())
    task = asyncio.create_task(download.fetch(url, fetch_options(on_left=download.left)))
    await until(lambda: len(server.requests) > 3 and download.told[-1][0] > 800_000)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert download.sources[-1].done
    del server.requests[:]
    return server.at("/f", reply)


@pytest.mark.parametrize("now", ["another version", "no parts any more"])
async def test_what_can_not_be_gone_on_with_is_started_over(server: Server, stating: Stating, now: str) -> None:
    whole = answer(200, {"ETag": '"v1"', "Content-Length": str(len(OTHER))}, OTHER)
    url = await interrupted(server, stating, ranged(OTHER, '"v2"') if now == "another version" else whole)
    download = Download(stating.client, stating.part, stating.sources)
    await download.fetch(url, fetch_options())
    assert stating.part.read_bytes() == OTHER


async def test_a_busy_server_keeps_what_is_there(server: Server, stating: Stating) -> None:
    url = await interrupted(server, stating, answer(503, {"Retry-After": "7", "Content-Length": "0"}))
    with pytest.raises(DownloadFailed, match="503") as caught:
        await stating.fetch(url, fetch_options(on_left=stating.left))
    assert getattr(caught.value, "retry_after_s", None) == 7
    await stating.fetch(server.at("/f", ranged(CONTENT)), fetch_options(on_left=stating.left))
    assert stating.part.read_bytes() == CONTENT


async def test_a_part_file_that_was_cut_meanwhile_is_started_over(server: Server, stating: Stating) -> None:
    url = await interrupted(server, stating, ranged(CONTENT))
    stating.part.write_bytes(b"")
    await stating.fetch(url, fetch_options())
    assert stating.part.read_bytes() == CONTENT
    assert "range" not in server.requests[0].headers


async def test_all_that_is_there_is_confirmed_by_its_last_byte(server: Server, stating: Stating) -> None:
    stating.holding(CONTENT, RemoteFile('"v1"', len(CONTENT), "", ((0, len(CONTENT)),)))
    await stating.fetch(server.at("/f", ranged(CONTENT)), fetch_options())
    assert [request.headers["range"] for request in server.requests] == [f"bytes={len(CONTENT) - 1}-{len(CONTENT) - 1}"]
    assert stating.part.read_bytes() == CONTENT


async def test_the_digest_is_that_of_the_whole(server: Server, stating: Stating) -> None:
    right = f"sha256:{hashlib.sha256(CONTENT).hexdigest()}"
    await stating.fetch(server.at("/f", slow()), fetch_options(digest=Digest(right)))
    assert len(server.requests) > 1
    wrong = first_then(slow(), part(lambda start, end: {}))  # other bytes, in the right words
    stating.sources.clear()
    with pytest.raises(DownloadFailed, match="was asked for: it is not kept"):
        await Download(stating.client, stating.part).fetch(server.at("/f", wrong), fetch_options(digest=Digest(right)))


async def test_a_disk_that_fails_at_the_end_is_an_error(
    server: Server, stating: Stating, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, calls = segmented.SegmentedDownload._leave, 0

    def fail(file: PartFile) -> None:
        raise OSError(5, "the disk is broken")

    async def leave(self: segmented.SegmentedDownload) -> OSError | None:
        nonlocal calls
        calls += 1
        monkeypatch.setattr(PartFile, "sync", fail)
        return await real(self)

    monkeypatch.setattr(segmented.SegmentedDownload, "_leave", leave)
    with pytest.raises(OSError, match="the disk is broken"):
        await stating.fetch(server.at("/f.bin", slow()), fetch_options(on_left=stating.left))
    assert calls == 1
