"""taskiq's tasks in its real workers: each end of a task is told once, to clients of two front-ends."""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.adapters.audience import FINISHES_OR_RAISES, LOST, RETRIED, Audience, Service, end_behind_a_restart, running
from tests.adapters.sender import sender
from tests.conditions import until
from tests.service import Program

pytestmark = pytest.mark.long
TASKS = "tests.adapters.taskiq_tasks"
COMMAND = ("-m", "taskiq", "worker", f"{TASKS}:broker", "--workers", "1")


@dataclass
class Taskiq:
    """A worker, and a program that sends tasks."""

    send: Callable[..., str]
    worker: Program


@contextmanager
def worker(service: Service, *options: str, **environment: str) -> Iterator[Program]:
    """Run a worker. A plain one of taskiq, too, may go on after SIGTERM: in Python 3.11 the read of redis-py swallows
    the cancel for which taskiq waits.
    """
    with service.program(*COMMAND, *options, **environment) as program:
        try:
            yield program
        finally:
            program.kill_all()


@pytest.fixture(scope="module")
def environment(service: Service) -> dict[str, str]:
    return service.environment


@pytest.fixture(scope="module")
def taskiq(environment: dict[str, str], service: Service) -> Iterator[Taskiq]:
    with sender(TASKS, **environment) as send, worker(service, **environment) as program:
        yield Taskiq(send, program)


@pytest.mark.parametrize("task", ["work", "work_sync"])
@FINISHES_OR_RAISES
async def test_a_task_that_finishes_or_raises(
    task: str,
    end: str,
    kind: str,
    message: str | None,
    result: object,
    taskiq: Taskiq,
    audience: Audience,
    tmp_path: Path,
) -> None:
    job_id = taskiq.send(task, str(tmp_path))
    await running(tmp_path)
    (tmp_path / end).touch()
    event = await audience.the_end(job_id)
    assert (event["type"], event.get("error_message"), event.get("result")) == (kind, message, result)
    assert (event["kind"], event["name"], event["attempt"]) == (task, task, 1)
    assert [event["type"] for event in await audience.events(job_id)][-2:] == ["job_started", kind]


@pytest.mark.parametrize("task", ["work", "work_sync", "persistent"])
async def test_a_running_task_that_is_cancelled(task: str, taskiq: Taskiq, audience: Audience, tmp_path: Path) -> None:
    job_id = taskiq.send(task, str(tmp_path))
    await audience.cancel_running(job_id, tmp_path)
    assert "cancelled" in taskiq.send("result of", job_id)


@pytest.mark.parametrize("task", ["work", "work_sync", "persistent"])
async def test_a_task_that_is_cancelled_in_the_queue_does_not_run(
    task: str, service: Service, environment: dict[str, str], audience: Audience, tmp_path: Path
) -> None:
    apart = environment | {"BROKER_QUEUE": task}
    with sender(TASKS, **apart) as send:
        job_id = send(task, str(tmp_path))
        await audience.story(job_id, "job_queued")
        await audience.cancel(job_id)
        assert (await audience.the_end(job_id))["type"] == "job_cancelled"
        with worker(service, **apart):
            assert "cancelled" in send("result of", job_id)
    assert not (tmp_path / "running").exists()
    assert await audience.story(job_id, "job_cancelled") == ["cancelled 1"]


async def test_a_retry_is_the_next_attempt(taskiq: Taskiq, audience: Audience, tmp_path: Path) -> None:
    job_id = taskiq.send("retried", str(tmp_path))
    assert await audience.retried(job_id) == RETRIED


async def test_a_killed_process_loses_its_task_and_the_next_one_runs_it_again(
    service: Service, environment: dict[str, str], audience: Audience, tmp_path: Path
) -> None:
    apart = environment | {"BROKER_QUEUE": "killed", "BROKER_IDLE_MS": "1000"}
    with sender(TASKS, **apart) as send, worker(service, **apart):
        job_id = send("work", str(tmp_path))
        process = await running(tmp_path)
        (tmp_path / "running").unlink()
        os.kill(process, signal.SIGKILL)
        event = await audience.the_end(job_id)
        (tmp_path / "finish").touch()
        send("large")  # a broker of streams looks for lost messages when it has got a new one
        story = await audience.story(job_id, "job_complete")
    assert (event["type"], event["error_message"]) == ("job_error", LOST)
    assert story == ["started 1", "error 1 its process was lost", "started 2", "complete 2"]


async def test_a_task_that_was_stopped_for_longer_than_its_lease(
    taskiq: Taskiq, audience: Audience, tmp_path: Path
) -> None:
    job_id = taskiq.send("work", str(tmp_path))
    lost = await audience.stop_past_its_lease(job_id, tmp_path)
    await until(lambda: f"the end of job {job_id} (complete) is not told" in taskiq.worker.output(), "the end")
    await audience.told_once(lost)
    story = await audience.story(job_id, "job_error")
    assert story == ["started 1", "error 1 its process was lost"]


async def test_further_ends(taskiq: Taskiq, audience: Audience, tmp_path: Path) -> None:
    slow, large, broken, requeued = (taskiq.send(task) for task in ("slow", "large", "broken", "requeued"))
    hidden = taskiq.send("hidden", str(tmp_path))
    assert await audience.story(slow, "job_error") == ["started 1", "error 1 TimeoutError"]
    assert await audience.story(large, "job_complete") == ["started 1", "complete 1"]
    assert (await audience.story(broken, "job_error"))[:2] == ["started 1", "error 1 its middleware failed"]
    story = await audience.story(requeued, "job_complete")
    assert story == ["started 1", "queued 2 it was requeued", "started 2", "complete 2"]
    await running(tmp_path)
    assert await audience.events(hidden) == []


async def test_many_tasks_run_side_by_side(taskiq: Taskiq, audience: Audience, tmp_path: Path) -> None:
    for number in range(40):
        (tmp_path / str(number)).mkdir()
        (tmp_path / str(number) / "finish").touch()
    jobs = [taskiq.send(("work", "work_sync")[number % 2], str(tmp_path / str(number))) for number in range(40)]
    for job_id in jobs:
        assert await audience.story(job_id, "job_complete") == ["started 1", "complete 1"]


async def test_the_tasks_of_a_process_pool_are_followed(
    service: Service, environment: dict[str, str], audience: Audience, tmp_path: Path
) -> None:
    apart = environment | {"BROKER_QUEUE": "pool"}
    (tmp_path / "finish").touch()
    with sender(TASKS, **apart) as send, worker(service, "--use-process-pool", **apart):
        job_id = send("work_sync", str(tmp_path))
        assert await audience.story(job_id, "job_complete") == ["started 1", "complete 1"]


@pytest.mark.parametrize("reason", ["unreachable", "of a download"])
async def test_a_task_that_clients_cannot_follow_runs_all_the_same(
    reason: str, service: Service, environment: dict[str, str], taskiq: Taskiq, tmp_path: Path
) -> None:
    (tmp_path / "finish").touch()
    if reason == "unreachable":
        away = environment | {"BROKER_QUEUE": "away", "REDIS_URL": "redis://127.0.0.1:1/0"}
        with sender(TASKS, **away) as send, worker(service, **away):
            assert send("result of", send("work", str(tmp_path))) in ("", "None")
    else:
        _, download = await service.front_end.post("/downloads", {"url": "http://127.0.0.1:9/nothing.iso"})
        assert taskiq.send("result of", taskiq.send("work", str(tmp_path), task_id=download["download_id"])) == "None"
    await running(tmp_path)


async def test_redis_is_restarted_meanwhile(taskiq: Taskiq, service: Service, tmp_path: Path) -> None:
    job_id = taskiq.send("work", str(tmp_path))
    await end_behind_a_restart(service, job_id, tmp_path)
