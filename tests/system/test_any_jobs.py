"""Each end of a job, in each way of running it, is told once: to a client that stays, and to one that comes later."""

import os
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from simulcast.broker import Broker
from tests.conditions import until
from tests.job_ends import ends_until, first_end, the_end
from tests.programs import StartFrontEnd
from tests.service import FrontEnd, Program
from tests.system.job_program import WAYS
from tests.valkey import Valkey


@dataclass
class Running:
    """A job that runs in a program of its own."""

    job_id: str
    folder: Path
    program: Program

    @property
    def pid(self) -> int:
        return int((self.folder / "running").read_text())

    def ask(self, end: str) -> None:
        (self.folder / end).touch()

    async def outcome(self) -> str:
        await until(lambda: self.program.process.poll() is not None, "the end of the program")
        path = self.folder / "outcome"
        return path.read_text() if path.exists() else ""


@pytest.fixture
def begun(tmp_path: Path) -> Iterator[list[Program]]:
    programs: list[Program] = []
    yield programs
    for program in programs:
        if program.process.poll() is None:
            program.kill()


async def begin(way: str, channel: str, tmp_path: Path, url: str, begun: list[Program]) -> Running:
    job_id = f"{way}-{channel}"
    command = ["-m", "tests.system.job_program", way, job_id, str(tmp_path)]
    program = Program(command, tmp_path / "program.log", REDIS_URL=url)
    begun.append(program)
    running = Running(job_id, tmp_path, program)
    await until((tmp_path / "running").exists, "the start of the job")
    return running


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("end", "kind", "message"),
    [("finish", "job_complete", None), ("raise", "job_error", "the film is torn")],
)
async def test_a_job_that_finishes_or_raises(
    way: str,
    end: str,
    kind: str,
    message: str | None,
    shared_front_end: FrontEnd,
    channel: str,
    tmp_path: Path,
    begun: list[Program],
) -> None:
    async with await shared_front_end.connect() as client:
        running = await begin(way, channel, tmp_path, shared_front_end.redis_url, begun)
        running.ask(end)
        event = await the_end(shared_front_end, client, running.job_id)
    assert (event["type"], event.get("error_message"), event["attempt"]) == (kind, message, 1)


@pytest.mark.long
@pytest.mark.parametrize("way", WAYS)
async def test_a_killed_process(
    way: str, shared_front_end: FrontEnd, channel: str, tmp_path: Path, begun: list[Program]
) -> None:
    async with await shared_front_end.connect() as client:
        running = await begin(way, channel, tmp_path, shared_front_end.redis_url, begun)
        os.kill(running.pid, signal.SIGKILL)
        event = await the_end(shared_front_end, client, running.job_id)
    assert (event["type"], event["error_message"]) == ("job_error", "its process was lost")


@pytest.mark.long
@pytest.mark.parametrize("way", WAYS)
async def test_a_process_that_was_stopped_for_longer_than_its_lease(
    way: str, shared_front_end: FrontEnd, channel: str, tmp_path: Path, begun: list[Program]
) -> None:
    async with await shared_front_end.connect() as client:
        running = await begin(way, channel, tmp_path, shared_front_end.redis_url, begun)
        os.kill(running.pid, signal.SIGSTOP)
        assert (await first_end(client, running.job_id))["error_message"] == "its process was lost"
        running.ask("finish")
        os.kill(running.pid, signal.SIGCONT)
        outcome = await running.outcome()
        async with await shared_front_end.connect() as later:
            broker = Broker.connect(shared_front_end.redis_url)
            await broker.publish({"type": "marker", "of": running.job_id})
            await broker.aclose()
            marker = f'"of":"{running.job_id}"'
            assert await ends_until(client, marker, running.job_id) == []
            assert [end["type"] for end in await ends_until(later, marker, running.job_id)] == ["job_error"]
    assert outcome == ("" if way == "track" else "lost")


@pytest.mark.parametrize("way", WAYS)
async def test_a_cancelled_job(
    way: str, shared_front_end: FrontEnd, channel: str, tmp_path: Path, begun: list[Program]
) -> None:
    async with await shared_front_end.connect() as client:
        running = await begin(way, channel, tmp_path, shared_front_end.redis_url, begun)
        assert (await shared_front_end.post(f"/jobs/{running.job_id}/cancel?command_id=c1", None))[0] == 200
        event = await the_end(shared_front_end, client, running.job_id)
    assert (event["type"], event["command_id"]) == ("job_cancelled", "c1")


@pytest.mark.long
@pytest.mark.parametrize("way", WAYS)
async def test_redis_is_restarted_meanwhile(
    way: str, front_end: StartFrontEnd, own_valkey: Valkey, channel: str, tmp_path: Path, begun: list[Program]
) -> None:
    running_front_end = await front_end()
    running = await begin(way, channel, tmp_path, own_valkey.url, begun)
    own_valkey.kill()
    running.ask("finish")
    own_valkey.start()
    await running.outcome()
    await running_front_end.ready()
    async with await running_front_end.connect() as client:
        event = await the_end(running_front_end, client, running.job_id)
    assert (event["type"], event["attempt"]) == ("job_complete", 1)


async def test_the_routes_of_jobs(
    shared_front_end: FrontEnd, channel: str, tmp_path: Path, begun: list[Program]
) -> None:
    running = await begin("sync", channel, tmp_path, shared_front_end.redis_url, begun)
    path = f"/jobs/{running.job_id}"
    status, record = await shared_front_end.get(path)
    assert (status, record["state"], record["kind"]) == (200, "running", "render")
    _, page = await shared_front_end.get("/jobs?state=running&kind=render")
    assert (page["total"], page["jobs"]) == (1, [(await shared_front_end.get(path))[1]])
    assert (await shared_front_end.delete(path))[0] == 409
    running.ask("finish")
    await running.outcome()
    assert (await shared_front_end.post(f"{path}/cancel", None))[0] == 409
    assert (await shared_front_end.get("/downloads"))[1]["total"] == 0
    assert (await shared_front_end.get(f"/downloads/{running.job_id}"))[0] == 404
    assert (await shared_front_end.delete(path))[0] == 200
    for refused in (shared_front_end.delete(path), shared_front_end.get(path)):
        assert await refused == (404, {"detail": f"there is no job {running.job_id}"})
