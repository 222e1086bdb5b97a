"""arq's jobs in its real worker: each end of a job is told once, to clients of two front-ends."""

import os
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.adapters.audience import FINISHES_OR_RAISES, LOST, RETRIED, Audience, Service, end_behind_a_restart, running
from tests.adapters.sender import sender
from tests.conditions import eventually, until
from tests.jobs import history_at
from tests.older_redis import libraries
from tests.service import Program

pytestmark = pytest.mark.long
JOBS = "tests.adapters.arq_jobs"
COMMAND = ("-m", "arq", f"{JOBS}.WorkerSettings")


@dataclass
class Arq:
    """A worker, and a program that enqueues jobs."""

    send: Callable[..., str]
    worker: Program


@pytest.fixture(scope="module")
def environment(service: Service) -> dict[str, str]:
    return service.environment | {"PYTHONPATH": libraries()}


@pytest.fixture(scope="module")
def arq(service: Service, environment: dict[str, str]) -> Iterator[Arq]:
    with sender(JOBS, **environment) as send, service.program(*COMMAND, **environment) as worker:
        yield Arq(send, worker)


@FINISHES_OR_RAISES
async def test_a_job_that_finishes_or_raises(
    end: str, kind: str, message: str | None, result: object, arq: Arq, audience: Audience, tmp_path: Path
) -> None:
    job_id = arq.send("work", str(tmp_path))
    await running(tmp_path)
    (tmp_path / end).touch()
    event = await audience.the_end(job_id)
    assert (event["type"], event.get("error_message"), event.get("result")) == (kind, message, result)
    assert (event["kind"], event["name"], event["attempt"]) == ("work", "work", 1)
    assert [event["type"] for event in await audience.events(job_id)][-2:] == ["job_started", kind]


async def test_a_running_job_that_is_cancelled(arq: Arq, audience: Audience, tmp_path: Path) -> None:
    job_id = arq.send("work", str(tmp_path))
    await audience.cancel_running(job_id, tmp_path)
    await until(lambda: f"{job_id}:work failed, JobCancelled" in arq.worker.output(), "the end for arq")


async def test_a_job_that_is_cancelled_in_the_queue_does_not_run(arq: Arq, audience: Audience, tmp_path: Path) -> None:
    job_id = arq.send("work", str(tmp_path), _defer_by=1)
    await audience.story(job_id, "job_queued")
    await audience.cancel(job_id)
    assert (await audience.the_end(job_id))["type"] == "job_cancelled"
    await until(lambda: f"{job_id}:work failed, JobCancelled" in arq.worker.output(), "the end for arq")
    assert not (tmp_path / "running").exists()


async def test_a_job_whose_process_is_killed(
    service: Service, environment: dict[str, str], audience: Audience, tmp_path: Path
) -> None:
    """Its queue delivers it again, and that is the next attempt."""
    command = ("-m", "arq", f"{JOBS}.ShortSettings")
    with sender(JOBS, **environment) as send, service.program(*command, **environment):
        job_id = send("work", str(tmp_path), _queue_name="short")
        os.kill(await running(tmp_path), signal.SIGKILL)
        event = await audience.the_end(job_id)
    assert (event["type"], event["error_message"]) == ("job_error", LOST)
    assert await audience.story(job_id, "job_error") == ["started 1", "error 1 its process was lost"]


async def test_a_retry_is_the_next_attempt(arq: Arq, audience: Audience) -> None:
    job_id = arq.send("retried")
    assert await audience.retried(job_id) == RETRIED


async def test_a_job_of_cron(arq: Arq, audience: Audience) -> None:
    async def is_complete() -> bool:
        events = await history_at(audience.service.valkey.url)
        return any((event["type"], event.get("result")) == ("job_complete", "tock") for event in events)

    await eventually(is_complete, "the job of cron")


async def test_a_job_that_was_stopped_for_longer_than_its_lease(arq: Arq, audience: Audience, tmp_path: Path) -> None:
    job_id = arq.send("work", str(tmp_path))
    lost = await audience.stop_past_its_lease(job_id, tmp_path)
    await until(lambda: f"← {job_id}:work" in arq.worker.output(), "the end of the job")
    await audience.told_once(lost)
    story = await audience.story(job_id, "job_error")
    assert story == ["started 1", "error 1 its process was lost"]


async def test_a_job_that_is_delivered_again_is_the_next_attempt(
    service: Service, environment: dict[str, str], audience: Audience, tmp_path: Path
) -> None:
    command = ("-m", "arq", f"{JOBS}.ShortSettings")
    with sender(JOBS, **environment) as send:
        job_id = send("work", str(tmp_path), _queue_name="short")
        with service.program(*command, **environment):
            os.kill(await running(tmp_path), signal.SIGKILL)
        (tmp_path / "running").unlink()
        (tmp_path / "finish").touch()
        with service.program(*command, **environment):
            story = await audience.story(job_id, "job_complete")
    assert story == ["started 1", "error 1 its process was lost", "started 2", "complete 2"]


async def test_a_worker_that_is_stopped_leaves_its_jobs_to_the_next_one(
    service: Service, environment: dict[str, str], audience: Audience, tmp_path: Path
) -> None:
    with sender(JOBS, **environment) as send:
        with service.program("-m", "arq", f"{JOBS}.ShortSettings", **environment) as worker:
            job_id = send("work", str(tmp_path), _queue_name="short")
            await running(tmp_path)
            worker.stop()
        (tmp_path / "finish").touch()
        with service.program("-m", "arq", f"{JOBS}.ShortSettings", **environment):
            story = await audience.story(job_id, "job_complete")
    assert story == ["started 1", "queued 2 its worker was stopped", "started 2", "complete 2"]


@pytest.mark.parametrize("state", ["deferred", "running"])
async def test_a_job_that_arq_aborts(state: str, arq: Arq, audience: Audience, tmp_path: Path) -> None:
    job_id = arq.send("work", str(tmp_path), **({"_defer_by": 60} if state == "deferred" else {}))
    if state == "running":
        await running(tmp_path)
    assert arq.send("abort", job_id) == "True"
    assert (await audience.the_end(job_id))["type"] == "job_cancelled"


async def test_a_job_that_expires_in_the_queue(arq: Arq, audience: Audience, tmp_path: Path) -> None:
    job_id = arq.send("work", str(tmp_path), _defer_by=1, _expires=0.5)
    assert (await audience.the_end(job_id))["type"] == "job_cancelled"
    assert not (tmp_path / "running").exists()


async def test_a_job_that_ends_in_spite_of_a_cancel(arq: Arq, audience: Audience, tmp_path: Path) -> None:
    job_id = arq.send("stubborn", str(tmp_path))
    await running(tmp_path)
    await audience.cancel(job_id)
    event = await audience.the_end(job_id)
    assert (event["type"], event["overtaken"], event["result"]) == ("job_complete", "cancel", "just done")


async def test_further_ends(arq: Arq, audience: Audience) -> None:
    slow, large, hopeless = arq.send("slow"), arq.send("large"), arq.send("hopeless")
    assert await audience.story(slow, "job_error") == ["started 1", "error 1 TimeoutError"]
    assert await audience.story(large, "job_complete") == ["started 1", "complete 1"]
    assert (await audience.story(hopeless, "job_error"))[-2:] == ["started 3", "error 3 max 2 retries exceeded"]


async def test_a_job_of_another_function_is_not_told(arq: Arq, audience: Audience) -> None:
    job_id = arq.send("hidden")
    await until(lambda: f"← {job_id}:hidden" in arq.worker.output(), "the end of the job")
    assert await audience.events(job_id) == []


async def test_many_jobs_run_side_by_side(arq: Arq, audience: Audience, tmp_path: Path) -> None:
    (tmp_path / "finish").touch()
    jobs = [arq.send("work", str(tmp_path)) for _ in range(30)]
    for job_id in jobs:
        assert await audience.story(job_id, "job_complete") == ["started 1", "complete 1"]


@pytest.mark.parametrize("module", ["unreachable", "of a download"])
async def test_a_job_that_clients_cannot_follow_runs_all_the_same(
    module: str, service: Service, environment: dict[str, str], tmp_path: Path
) -> None:
    options, away = {}, environment
    if module == "unreachable":
        away = environment | {"REDIS_URL": "redis://127.0.0.1:1/0"}
    else:
        _, download = await service.front_end.post("/downloads", {"url": "http://127.0.0.1:9/nothing.iso"})
        options = {"_job_id": download["download_id"]}
    (tmp_path / "finish").touch()
    with sender(JOBS, **away) as send, service.program("-m", "arq", f"{JOBS}.ShortSettings", **away) as worker:
        job_id = send("work", str(tmp_path), _queue_name="short", **options)
        await until(lambda: f"← {job_id}:work" in worker.output(), "the end of the job")


async def test_redis_is_restarted_meanwhile(arq: Arq, service: Service, tmp_path: Path) -> None:
    job_id = arq.send("work", str(tmp_path))
    await end_behind_a_restart(service, job_id, tmp_path)
