"""A further connection that comes too late, or is cut short by us, changes nothing of the file."""

import asyncio

import pytest

from tests.conditions import until
from tests.fetching import Download
from tests.scripted_server import Request, Server, ranged
from tests.workers.transfer.segments import CONTENT, fetch_options, slow
from workers.disk.part_file import PartFile
from workers.transfer import segments

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
