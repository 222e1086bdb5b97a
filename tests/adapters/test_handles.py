"""Each end of a job in a program of its own, by each handle, is told once to clients of two front-ends."""

import os
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.adapters.audience import LOST, Audience, Service, end_behind_a_restart, running
from tests.adapters.job_program import WAYS
from tests.conditions import until
from tests.service import Program

EACH_WAY = pytest.mark.parametrize("way", WAYS)


@dataclass
class Running:
    """A job that runs in a program of its own."""

    job_id: str
    folder: Path
    program: Program

    async def outcome(self) -> str:
        await until(lambda: self.program.process.poll() is not None, "the end of the program")
        path = self.folder / "outcome"
        return path.read_text() if path.exists() else ""


Begin = Callable[[str], Running]


@pytest.fixture
def begin(service: Service, channel: str, tmp_path: Path) -> Iterator[Begin]:
    """Run a job in one of the ways, until the end of the test."""
    programs: list[Program] = []

    def start(way: str) -> Running:
        job_id = f"{way}-{channel}"
        command = ["-m", "tests.adapters.job_program", way, job_id, str(tmp_path)]
        programs.append(Program(command, tmp_path / "program.log", REDIS_URL=service.valkey.url))
        return Running(job_id, tmp_path, programs[0])

    yield start
    for program in programs:
        program.kill_all()


@EACH_WAY
@pytest.mark.parametrize(
    ("end", "kind", "message"),
    [("finish", "job_complete", None), ("raise", "job_error", "the film is torn")],
)
async def test_a_job_that_finishes_or_raises(
    way: str, end: str, kind: str, message: str | None, begin: Begin, audience: Audience, tmp_path: Path
) -> None:
    job = begin(way)
    await running(tmp_path)
    (tmp_path / end).touch()
    event = await audience.the_end(job.job_id)
    assert (event["type"], event.get("error_message"), event["attempt"]) == (kind, message, 1)


@pytest.mark.long
@EACH_WAY
async def test_a_killed_process(way: str, begin: Begin, audience: Audience, tmp_path: Path) -> None:
    job = begin(way)
    os.kill(await running(tmp_path), signal.SIGKILL)
    event = await audience.the_end(job.job_id)
    assert (event["type"], event["error_message"]) == ("job_error", LOST)


@pytest.mark.long
@EACH_WAY
async def test_a_process_that_was_stopped_for_longer_than_its_lease(
    way: str, begin: Begin, audience: Audience, tmp_path: Path
) -> None:
    job = begin(way)
    lost = await audience.stop_past_its_lease(job.job_id, tmp_path)
    assert await job.outcome() == ("" if way == "track" else "lost")
    await audience.told_once(lost)


@EACH_WAY
async def test_a_cancelled_job(way: str, begin: Begin, audience: Audience, tmp_path: Path) -> None:
    job = begin(way)
    await audience.cancel_running(job.job_id, tmp_path)


@pytest.mark.long
@EACH_WAY
async def test_redis_is_restarted_meanwhile(way: str, begin: Begin, service: Service, tmp_path: Path) -> None:
    job = begin(way)
    await end_behind_a_restart(service, job.job_id, tmp_path)


async def test_the_routes_of_jobs(begin: Begin, service: Service, tmp_path: Path) -> None:
    front_end = service.front_end
    job = begin("sync")
    await running(tmp_path)
    path = f"/jobs/{job.job_id}"
    status, record = await front_end.get(path)
    assert (status, record["state"], record["kind"]) == (200, "running", "render")
    _, page = await front_end.get("/jobs?state=running&kind=render")
    assert (page["total"], page["jobs"]) == (1, [(await front_end.get(path))[1]])
    assert (await front_end.delete(path))[0] == 409
    (tmp_path / "finish").touch()
    await job.outcome()
    assert (await front_end.post(f"{path}/cancel", None))[0] == 409
    assert (await front_end.get("/downloads"))[1]["total"] == 0
    assert (await front_end.get(f"/downloads/{job.job_id}"))[0] == 404
    assert (await front_end.delete(path))[0] == 200
    for refused in (front_end.delete(path), front_end.get(path)):
        assert await refused == (404, {"detail": f"there is no job {job.job_id}"})
