"""The worker in fifty lines, with yt-dlp as its engine: takeover after kill -9, pause, cancel and errors."""

import random
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from simulcast.broker import Broker
from simulcast.jobs import Jobs
from simulcast.model.commands import Command
from simulcast.model.job_record import JobRecord, State
from tests.conditions import eventually, until
from tests.documents import blocks
from tests.file_server import Files, serve_files
from tests.jobs import history
from tests.service import ROOT, Program
from tests.valkey import Valkey

CONTENT = random.Random(3).randbytes(3_000_000)
HALF = 1_500_000
StartEngine = Callable[[], Program]
EXAMPLE = (ROOT / "examples/engine.py").read_text(encoding="utf-8")


@pytest.fixture
def engine(own_valkey: Valkey, tmp_path: Path, programs: list[Program]) -> StartEngine:
    """Start the example in a folder of its own, with short leases, and without the machine's settings of yt-dlp."""
    source = EXAMPLE.replace("JobQueue()", "JobQueue(lease_s=2)")
    code = f"import os, sys; sys.path.insert(0, {str(ROOT)!r}); os.chdir({str(tmp_path)!r})\n{source}"

    def start() -> Program:
        log = tmp_path / f"engine-{len(programs)}.log"
        programs.append(Program(["-u", "-c", code], log, REDIS_URL=own_valkey.url, HOME=str(tmp_path)))
        return programs[-1]

    return start


class Service:
    """The jobs, and a server whose video stops half-way."""

    def __init__(self, url: str, files: Files) -> None:
        self.broker = Broker.connect(url)
        self.jobs = Jobs.connect(url, self.broker)
        self.files = files
        files.contents["video.mp4"] = CONTENT
        files.held_from, files.plain_ranges = HALF, True

    async def begin(self) -> None:
        await self.jobs.submit(self.files.url("video.mp4"), "a")
        await self.reach("running", HALF // 2)

    async def reach(self, state: State, received: int = 0) -> JobRecord:
        async def is_reached() -> bool:
            record = await self.jobs.get("a")
            return record.state == state and record.received_bytes >= received

        await eventually(is_reached, f"{state} with {received:,} bytes")
        return await self.jobs.get("a")

    async def finish(self) -> list[str]:
        """Let the rest of the video come, check its file, and return the types of all events but progress."""
        self.files.held_from = None
        record = await self.reach("complete")
        assert Path(str(record.file_path)).read_bytes() == CONTENT
        events = await history(self.broker, "downloads")
        assert [event["progress"] for event in events][-2:] == [1.0, 1.0]
        types = [str(event["type"]).removeprefix("download_") for event in events]
        return [kind for kind in types if kind != "progress"]


@pytest.fixture
async def service(own_valkey: Valkey) -> AsyncIterator[Service]:
    async with serve_files() as files:
        service = Service(own_valkey.url, files)
        yield service
        await service.jobs.aclose()
        await service.broker.aclose()


@pytest.mark.long
async def test_another_engine_goes_on_after_kill_9(engine: StartEngine, service: Service) -> None:
    first = engine()
    await service.begin()
    first.kill()
    engine()
    await until(lambda: service.files.ranges, "the request for the rest")
    assert await service.finish() == ["queued", "started", "queued", "resumed", "complete"]
    assert int(service.files.ranges[0].removeprefix("bytes=").rstrip("-")) > 0, "it went on from its part"


@pytest.mark.long
async def test_an_engine_pauses_goes_on_and_is_cancelled_with_its_files(
    engine: StartEngine, service: Service, tmp_path: Path
) -> None:
    engine()
    await service.begin()
    await service.jobs.command(Command("pause", "a"))
    service.files.bytes_per_s, service.files.held_from = 100_000, None  # yt-dlp stops at the next block
    await service.reach("paused")
    assert list((tmp_path / "downloads").glob("a.*/*.part")) != []
    await service.jobs.command(Command("resume", "a"))
    await service.reach("running")
    await service.jobs.command(Command("cancel", "a"))
    await service.reach("cancelled")
    await until(lambda: not list((tmp_path / "downloads").iterdir()), "the files' end")


async def test_an_error_of_the_engine_is_the_error_of_its_download_and_the_next_one_is_fetched(
    engine: StartEngine, service: Service
) -> None:
    await service.jobs.submit(service.files.url("missing"), "missing")
    engine()
    await service.begin()
    record = await service.jobs.get("missing")
    assert (record.state, "404" in str(record.error_message)) == ("error", True)
    assert (await service.finish())[-1] == "complete"


def test_the_page_about_workers_shows_the_example() -> None:
    assert blocks("docs/workers.md", "python") == [EXAMPLE]
