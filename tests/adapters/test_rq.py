"""RQ's jobs in its real workers: each end of a job is told once, to clients of two front-ends."""

import os
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import rq
from redis import Redis
from rq.command import send_stop_job_command
from rq.job import JobStatus

from simulcast.adapters.rq import TrackedJob
from tests.adapters import rq_jobs
from tests.adapters.audience import FINISHES_OR_RAISES, LOST, RETRIED, Audience, Service, end_behind_a_restart, running
from tests.conditions import eventually, until
from tests.service import Program

pytestmark = pytest.mark.long


@dataclass
class Queues:
    """Queues of this process, and a worker for the one called `default`."""

    service: Service
    connection: Redis
    job_class: type[TrackedJob]
    worker: Program

    def send(self, function: str, *args: object, queue: str = "default", **options: Any) -> TrackedJob:
        sender = rq.Queue(queue, connection=self.connection, job_class=self.job_class)
        job = sender.enqueue(f"{rq_jobs.MODULE}.{function}", args=args, **options)
        assert isinstance(job, TrackedJob)
        return job


def command(service: Service, queue: str, *options: str) -> tuple[str, ...]:
    job_class = f"{rq_jobs.MODULE}.QuickJob"
    return ("-m", "rq.cli", "worker", "--url", service.queue.url, "--job-class", job_class, *options, queue)


@pytest.fixture(scope="module")
def queues(service: Service) -> Iterator[Queues]:
    job_class = type("SentJob", (TrackedJob,), {"simulcast_url": service.valkey.url})
    with (
        Redis.from_url(service.queue.url) as connection,
        service.program(*command(service, "default", "--with-scheduler")) as worker,
    ):
        yield Queues(service, connection, job_class, worker)


@FINISHES_OR_RAISES
async def test_a_job_that_finishes_or_raises(
    end: str, kind: str, message: str | None, result: object, queues: Queues, audience: Audience, tmp_path: Path
) -> None:
    job = queues.send("work", str(tmp_path), description="Holiday.mp4")
    await running(tmp_path)
    (tmp_path / end).touch()
    event = await audience.the_end(job.id)
    assert (event["type"], event.get("error_message"), event.get("result")) == (kind, message, result)
    assert (event["kind"], event["name"], event["attempt"]) == (f"{rq_jobs.MODULE}.work", "Holiday.mp4", 1)


async def test_a_running_job_that_is_cancelled(queues: Queues, audience: Audience, tmp_path: Path) -> None:
    job = queues.send("work", str(tmp_path), retry=rq.Retry(max=3))
    event = await audience.cancel_running(job.id, tmp_path)
    assert event["name"] == f"{rq_jobs.MODULE}.work"
    await until(lambda: job.get_status() == JobStatus.CANCELED, "the end in RQ")


async def test_a_job_that_is_cancelled_in_the_queue_does_not_run(
    queues: Queues, audience: Audience, tmp_path: Path
) -> None:
    folders = [tmp_path / "first", tmp_path / "second"]
    for folder in folders:
        folder.mkdir()
    first = queues.send("work", str(folders[0]))
    await running(folders[0])
    second = queues.send("work", str(folders[1]), retry=rq.Retry(max=3))
    await audience.story(second.id, "job_queued")
    await audience.cancel(second.id)
    assert (await audience.the_end(second.id))["type"] == "job_cancelled"
    (folders[0] / "finish").touch()
    await audience.story(first.id, "job_complete")
    await until(lambda: second.get_status() == JobStatus.CANCELED, "the worker's turn")
    assert not (folders[1] / "running").exists()
    assert await audience.story(second.id, "job_cancelled") == ["cancelled 1"]


async def test_a_job_whose_process_is_killed(queues: Queues, audience: Audience, tmp_path: Path) -> None:
    job = queues.send("work", str(tmp_path))
    os.kill(await running(tmp_path), signal.SIGKILL)
    event = await audience.the_end(job.id)
    assert (event["type"], event["error_message"]) == ("job_error", LOST)


async def test_a_retry_is_the_next_attempt(queues: Queues, audience: Audience, tmp_path: Path) -> None:
    job = queues.send("fail_once", str(tmp_path), retry=rq.Retry(max=2))
    assert (await audience.retried(job.id))[-len(RETRIED) :] == RETRIED


async def test_a_job_that_was_stopped_for_longer_than_its_lease(
    queues: Queues, audience: Audience, tmp_path: Path
) -> None:
    job = queues.send("work", str(tmp_path))
    lost = await audience.stop_past_its_lease(job.id, tmp_path)
    await until(lambda: job.get_status() == JobStatus.FINISHED, "the end in RQ")
    await audience.told_once(lost)
    assert (await audience.story(job.id, "job_error"))[-2:] == ["started 1", f"error 1 {LOST}"]


async def test_a_killed_job_that_is_retried_is_the_next_attempt(
    queues: Queues, audience: Audience, tmp_path: Path
) -> None:
    job = queues.send("work", str(tmp_path), retry=rq.Retry(max=1))
    process = await running(tmp_path)
    (tmp_path / "running").unlink()
    os.kill(process, signal.SIGKILL)
    await running(tmp_path)
    (tmp_path / "finish").touch()
    story = ["started 1", f"error 1 {LOST}", "started 2", "complete 2"]
    assert (await audience.story(job.id, "job_complete"))[-4:] == story


async def test_a_job_that_its_own_library_cancels_or_stops(queues: Queues, audience: Audience, tmp_path: Path) -> None:
    stopped = queues.send("work", str(tmp_path))
    await running(tmp_path)
    cancelled = queues.send("double", 1)
    await audience.story(cancelled.id, "job_queued")
    cancelled.cancel()
    assert (await audience.the_end(cancelled.id))["type"] == "job_cancelled"
    deleted = queues.send("double", 1)
    await audience.story(deleted.id, "job_queued")
    deleted.delete()
    assert (await audience.the_end(deleted.id))["type"] == "job_cancelled"
    send_stop_job_command(queues.connection, stopped.id)
    assert (await audience.the_end(stopped.id))["type"] == "job_cancelled"


@pytest.mark.parametrize(
    ("function", "args", "options", "kind", "attempt", "message"),
    [
        ("ask_again", (3,), {}, "job_complete", 3, None),
        ("ask_again", (1,), {}, "job_error", 2, "it was retried 1 times"),
        ("sleep", (), {"job_timeout": 1}, "job_error", 1, "Task exceeded maximum timeout value (1 seconds)"),
        ("double", ("x" * 10_000,), {}, "job_complete", 1, None),
        ("double_async", (2,), {}, "job_complete", 1, None),
        ("work", ("/nowhere",), {"on_failure": rq.Callback(rq_jobs.report_failure)}, "job_error", 1, ...),
        ("fail_once", ("",), {"retry": rq.Retry(max=1, interval=1)}, "job_complete", 2, None),
        ("missing", (), {}, "job_error", 1, ...),
    ],
)
async def test_further_ends(
    function: str,
    args: tuple[object, ...],
    options: dict[str, Any],
    kind: str,
    attempt: int,
    message: object,
    queues: Queues,
    audience: Audience,
) -> None:
    event = await audience.the_end(queues.send(function, *args, **options).id)
    assert (event["type"], event["attempt"]) == (kind, attempt)
    assert message is ... or event.get("error_message") == message


async def test_a_repetition_is_the_next_attempt(queues: Queues, audience: Audience) -> None:
    job = queues.send("double", 2, repeat=rq.Repeat(times=1))
    story = ["complete 1", "queued 2", "started 2", "complete 2"]

    async def is_told() -> bool:
        return (await audience.story(job.id, "job_complete"))[-4:] == story

    await eventually(is_told, "both ends")


@pytest.mark.parametrize("is_fetched", [False, True])
async def test_a_job_that_is_enqueued_again_is_the_next_attempt(
    is_fetched: bool, queues: Queues, audience: Audience, tmp_path: Path
) -> None:
    (tmp_path / "raise").touch()
    job = queues.send("work", str(tmp_path))
    await until(lambda: job.get_status() == JobStatus.FAILED, "the failure in RQ")
    (tmp_path / "raise").rename(tmp_path / "finish")
    (queues.job_class.fetch(job.id, queues.connection) if is_fetched else job).requeue()
    story = ["error 1 the film is torn", "queued 2", "started 2", "complete 2"]
    assert (await audience.story(job.id, "job_complete"))[-4:] == story


@pytest.mark.parametrize("servers", ["ours", "both"])
async def test_redis_is_restarted_meanwhile(servers: str, service: Service, tmp_path: Path) -> None:
    with Redis.from_url(service.queue.url) as connection:
        job_class = type("SentJob", (TrackedJob,), {"simulcast_url": service.valkey.url})
        queue = rq.Queue("restarted", connection=connection, job_class=job_class)
        with service.program(*command(service, "restarted")):
            job = queue.enqueue(f"{rq_jobs.MODULE}.work", args=(str(tmp_path),))
            await end_behind_a_restart(service, job.id, tmp_path, servers)


@pytest.mark.parametrize("worker", ["SimpleWorker", "SpawnWorker"])
async def test_another_worker_in_a_burst(worker: str, queues: Queues, audience: Audience, tmp_path: Path) -> None:
    (tmp_path / "finish").touch()
    jobs = [queues.send("work", str(tmp_path), queue=worker) for _ in range(3)]
    retried = queues.send("fail_once", "", queue=worker, retry=rq.Retry(max=1))
    with queues.service.program(*command(queues.service, worker, "--burst", "--worker-class", f"rq.worker.{worker}")):
        for job in (*jobs, retried):
            assert (await audience.the_end(job.id))["type"] == "job_complete"


async def test_a_queue_without_a_worker_runs_its_jobs_itself(queues: Queues, audience: Audience) -> None:
    queue = rq.Queue("sync", is_async=False, connection=queues.connection, job_class=queues.job_class)
    job = queue.enqueue(f"{rq_jobs.MODULE}.double", args=(2,))
    assert job.return_value() == 4
    assert await audience.story(job.id, "job_complete") == ["started 1", "complete 1"]


async def test_only_some_functions_and_no_job_while_our_redis_is_away(queues: Queues, audience: Audience) -> None:
    members = {"simulcast_url": queues.service.valkey.url, "simulcast_only": rq_jobs.ChosenJob.simulcast_only}
    chosen = rq.Queue("x", is_async=False, connection=queues.connection, job_class=type("J", (TrackedJob,), members))
    left_out = chosen.enqueue(f"{rq_jobs.MODULE}.halve", args=(4,))
    followed = chosen.enqueue(f"{rq_jobs.MODULE}.double", args=(1,))
    assert await audience.story(followed.id, "job_complete") == ["started 1", "complete 1"]
    assert (await audience.events(left_out.id), left_out.return_value()) == ([], 2)
    away = type("J", (TrackedJob,), {"simulcast_url": "redis://127.0.0.1:1/0"})
    queue = rq.Queue("x", is_async=False, connection=queues.connection, job_class=away)
    assert queue.enqueue(f"{rq_jobs.MODULE}.double", args=(4,)).return_value() == 8
