"""A further connection that comes too late, or is cut short by us, changes nothing of the file."""

import asyncio
from pathlib import Path

import pytest

from tests.conditions import until
from tests.fetching import Download
from tests.scripted_server import Request, Server, head, ranged
from tests.workers.transfer.segments import CONTENT, fetch_options, slow
from workers.disk.part_file import PartFile
from workers.disk.writer import Writer
from workers.errors import IncompleteBody
from workers.http.body import Body
from workers.transfer import segments
from workers.transfer.segmented import SegmentedDownload

pytestmark = pytest.mark.usefixtures("short_segments")


async def test_a_connection_that_comes_too_late_takes_nothing_away(server: Server, download: Download) -> None:
    async def late(request: Request, writer: asyncio.StreamWriter) -> None:
        if "range" not in request.headers:
            await slow()(request, writer)
            return
        await until(lambda: download.told[-1][0] > 1_900_000)
        await ranged(CONTENT)(request, writer)

    await download.fetch(server.at("/f", late), fetch_options())
    assert download.part.read_bytes() == CONTENT
    received = [told[0] for told in download.told]
    assert received == sorted(received) and received[-1] == len(CONTENT)
    assert "range" in server.requests[1].headers


async def test_whoever_gave_bytes_away_is_left_when_it_comes_to_them(
    server: Server, download: Download, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its answer goes on to the end of the file: it isn't read past what is its own, and its connection is closed."""
    monkeypatch.setattr(segments, "MIN_SEGMENT_BYTES", 600_000)
    left = asyncio.Event()

    async def watched(request: Request, writer: asyncio.StreamWriter) -> None:
        if "range" in request.headers:
            await ranged(CONTENT)(request, Until(writer, left))  # type: ignore[arg-type]
            return
        try:
            await slow()(request, writer)
        except ConnectionError:
            left.set()
            raise

    await download.fetch(server.at("/f", watched), fetch_options(2))
    assert download.part.read_bytes() == CONTENT


class Until:
    """A writer whose last bytes wait for an event."""

    def __init__(self, writer: asyncio.StreamWriter, event: asyncio.Event) -> None:
        self._writer = writer
        self._event = event
        self._written = 0

    def write(self, data: bytes) -> None:
        self._written += len(data)
        self._writer.write(data)

    async def drain(self) -> None:
        if self._written > 500_000:
            async with asyncio.timeout(20):
                await self._event.wait()
        await self._writer.drain()


async def test_a_server_that_drops_further_connections_is_not_asked_again_and_again(
    server: Server, download: Download
) -> None:
    async def dropping(request: Request, writer: asyncio.StreamWriter) -> None:
        await (ranged(CONTENT, cut_after=0) if "range" in request.headers else slow())(request, writer)

    await download.fetch(server.at("/f", dropping), fetch_options(4, on_left=download.sources.append))
    assert download.part.read_bytes() == CONTENT
    assert len(server.requests) <= 8, "one connection fewer for each that it dropped"


async def test_before_a_byte_is_written_elsewhere_the_record_says_that_there_are_spans(
    server: Server, download: Download, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a successor would take the file's size for how much of it is there."""
    said: list[bool] = []

    real = PartFile.lengthen

    def watched(file: PartFile, size: int) -> None:
        said.append(download.sources[-1].done is not None)
        real(file, size)

    monkeypatch.setattr(PartFile, "lengthen", watched)
    await download.fetch(server.at("/f", slow()), fetch_options())
    assert said == [True]


async def hang(request: Request, writer: asyncio.StreamWriter) -> None:
    await asyncio.Event().wait()


async def test_bytes_of_a_connection_that_brings_nothing_any_more_are_taken_over(
    server: Server, download: Download, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where it is the only one left, so that no other one's rate is known."""
    monkeypatch.setattr(segments, "RATE_WINDOW_S", 0.1)
    monkeypatch.setattr(segments, "SETTLING_S", 0.05)

    async def stuck(request: Request, writer: asyncio.StreamWriter) -> None:
        if "range" in request.headers:
            await ranged(CONTENT)(request, writer)
        else:
            await slow(cut_after=8_192)(request, writer)
            await hang(request, writer)

    async with asyncio.timeout(20):  # less than the silence of 30 s after which the connection would be left
        await download.fetch(server.at("/f", stuck), fetch_options())
    assert download.part.read_bytes() == CONTENT


async def test_a_file_whose_bytes_are_all_there_waits_for_no_answer(server: Server, download: Download) -> None:
    async def silent(request: Request, writer: asyncio.StreamWriter) -> None:
        await (hang if "range" in request.headers else slow())(request, writer)

    async with asyncio.timeout(20):
        await download.fetch(server.at("/f", silent), fetch_options())
    assert download.part.read_bytes() == CONTENT
    assert len(server.requests) > 1, "there was no further connection"


async def test_of_four_connections_a_slow_one_brings_less_and_less(
    server: Server, download: Download, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would take 20 s for the quarter of the file that an equal share is."""
    monkeypatch.setattr(segments, "RATE_WINDOW_S", 0.1)
    monkeypatch.setattr(segments, "SETTLING_S", 0.05)
    sent = 0

    async def one_slow(request: Request, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        if "range" in request.headers:
            await slow()(request, writer)
            return
        writer.write(head(200, {"ETag": '"v1"', "Content-Length": str(len(CONTENT))}))
        for at in range(0, len(CONTENT), 1_000):
            writer.write(CONTENT[at : at + 1_000])
            sent += 1_000
            await writer.drain()
            await asyncio.sleep(0.04)

    await download.fetch(server.at("/f", one_slow), fetch_options())
    assert download.part.read_bytes() == CONTENT
    assert sent < len(CONTENT) / 8


def test_also_the_last_bytes_of_a_connection_that_brings_nothing_go_to_another(tmp_path: Path) -> None:
    """However few they are: a share of a connection that brings something has a least size."""
    stuck = segments.Segment(0, 1_000, 1_500, 1_500, Writer(PartFile(tmp_path / "p", 0), 0, lambda: None))
    for now_s in (0.0, 1.5, 3.0):
        stuck.sample(now_s)
    opening = segments.plan_next(1_500, (), [stuck], [], 1.0)
    assert opening is not None and opening.span == (1_000, 1_500)
    assert segments.claim(opening, (), [stuck]) and stuck.end == 1_000


async def test_a_connection_that_broke_off_is_the_reason_and_no_answer_to_a_further_one(
    server: Server, download: Download, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As of a server that restarts with a later version: the next try gets that."""
    is_asked, is_gone = asyncio.Event(), asyncio.Event()
    receive = SegmentedDownload._receive

    async def watched(self: SegmentedDownload, segment: segments.Segment, body: Body) -> None:
        await receive(self, segment, body)
        is_gone.set()

    monkeypatch.setattr(SegmentedDownload, "_receive", watched)

    async def restarting(request: Request, writer: asyncio.StreamWriter) -> None:
        if "range" not in request.headers:
            await slow(cut_after=500_000)(request, writer)
            await is_asked.wait()
            return
        is_asked.set()
        await is_gone.wait()
        await ranged(CONTENT[::-1], '"v2"')(request, writer)

    with pytest.raises(IncompleteBody):
        await download.fetch(server.at("/f", restarting), fetch_options(2))
