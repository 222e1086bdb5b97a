"""Celery's tasks in its real workers: each end of a task is told once, to clients of two front-ends."""

import asyncio
import os
import signal
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from celery import Celery, chord, group, signature

from simulcast.adapters.celery import track_tasks
from tests.adapters.audience import FINISHES_OR_RAISES, LOST, RETRIED, Audience, Service, end_behind_a_restart, running
from tests.conditions import until
from tests.jobs import history_at
from tests.service import Program

APP = "tests.adapters.celery_app"


@dataclass
class Celeries:
    """A worker, and an application that sends it tasks without knowing them."""

    service: Service
    app: Celery
    worker: Program

    def send(self, task: str, *args: object, **options: Any) -> str:
        return str(self.app.send_task(f"{APP}.{task}", args, **options).id)

    def sent(self, task: str, *args: object) -> Any:
        return signature(f"{APP}.{task}", args, app=self.app)


@pytest.fixture(scope="module")
def celeries(service: Service) -> Iterator[Celeries]:
    app = Celery("sender", broker=service.queue.url, backend=f"{service.environment['BROKER_URL']}/2")
    app.set_default()
    track_tasks(app, url=service.valkey.url)
    with service.program(
        "-m", "celery", "-A", APP, "worker", "-c", "3", "-l", "info", "--without-mingle", "--without-gossip"
    ) as worker:
        yield Celeries(service, app, worker)


@FINISHES_OR_RAISES
async def test_a_task_that_finishes_or_raises(
    end: str, kind: str, message: str | None, result: object, celeries: Celeries, audience: Audience, tmp_path: Path
) -> None:
    job_id = celeries.send("work", str(tmp_path), shadow="Holiday.mp4")
    await running(tmp_path)
    (tmp_path / end).touch()
    event = await audience.the_end(job_id)
    assert (event["type"], event.get("error_message"), event.get("result")) == (kind, message, result)
    assert (event["kind"], event["name"], event["attempt"]) == (f"{APP}.work", "Holiday.mp4", 1)
    ends = {"job_complete": "complete 1", "job_error": "error 1 the film is torn"}
    assert (await audience.story(job_id, kind))[-2:] == ["started 1", ends[kind]]  # it may overtake "queued 1"


@pytest.mark.parametrize("task", ["work", "persistent"])
async def test_a_running_task_that_is_cancelled(
    task: str, celeries: Celeries, audience: Audience, tmp_path: Path
) -> None:
    job_id = celeries.send(task, str(tmp_path))
    await audience.cancel_running(job_id, tmp_path)


async def test_a_task_that_is_cancelled_in_the_queue_does_not_run(
    celeries: Celeries, audience: Audience, tmp_path: Path
) -> None:
    job_id = celeries.send("work", str(tmp_path), countdown=1)
    await audience.story(job_id, "job_queued")
    await audience.cancel(job_id)
    assert (await audience.the_end(job_id))["type"] == "job_cancelled"
    await until(lambda: f"{job_id}] ignored" in celeries.worker.output(), "the worker's turn")
    assert not (tmp_path / "running").exists()


async def test_a_task_whose_process_is_killed(celeries: Celeries, audience: Audience, tmp_path: Path) -> None:
    job_id = celeries.send("work", str(tmp_path))
    os.kill(await running(tmp_path), signal.SIGKILL)
    event = await audience.the_end(job_id)
    assert (event["type"], event["error_message"]) == ("job_error", LOST)


async def test_a_retry_is_the_next_attempt(celeries: Celeries, audience: Audience) -> None:
    job_id = celeries.send("retried")
    assert (await audience.retried(job_id))[-len(RETRIED) :] == RETRIED


async def test_a_task_that_was_stopped_for_longer_than_its_lease(
    celeries: Celeries, audience: Audience, tmp_path: Path
) -> None:
    job_id = celeries.send("work", str(tmp_path))
    lost = await audience.stop_past_its_lease(job_id, tmp_path)
    await until(lambda: f"{job_id}] succeeded" in celeries.worker.output(), "the end of the task")
    await audience.told_once(lost)
    story = ["started 1", "error 1 its process was lost"]
    assert (await audience.story(job_id, "job_error"))[-len(story) :] == story


@pytest.mark.long
async def test_a_task_that_is_delivered_again_is_the_next_attempt(
    celeries: Celeries, audience: Audience, tmp_path: Path
) -> None:
    job_id = celeries.send("redelivered", str(tmp_path))
    process = await running(tmp_path)
    (tmp_path / "running").unlink()
    os.kill(process, signal.SIGKILL)
    await running(tmp_path)
    (tmp_path / "finish").touch()
    assert (await audience.first_end(job_id))["error_message"] == LOST
    assert (await audience.first_end(job_id))["attempt"] == 2
    story = ["started 1", "error 1 its process was lost", "started 2", "complete 2"]
    assert (await audience.story(job_id, "job_complete"))[-len(story) :] == story


@pytest.mark.long
@pytest.mark.parametrize("command", ["revoke", "terminate", "kill", "expire"])
async def test_a_task_that_its_own_library_revokes(
    command: str, celeries: Celeries, audience: Audience, tmp_path: Path
) -> None:
    options = {"countdown": 2} if command == "revoke" else {"expires": -1} if command == "expire" else {}
    job_id = celeries.send("work", str(tmp_path), **options)
    if command in ("terminate", "kill"):
        await running(tmp_path)
    if command != "expire":
        name = "SIGKILL" if command == "kill" else "SIGTERM"
        celeries.app.control.revoke(job_id, terminate=command != "revoke", signal=name)
    assert (await audience.the_end(job_id))["type"] == "job_cancelled"


@pytest.mark.long
@pytest.mark.parametrize(
    ("task", "kind", "message"),
    [
        ("ignored", "job_complete", None),
        ("rejected", "job_error", "no such tape"),
        ("slow", "job_error", "SoftTimeLimitExceeded()"),
        ("slower", "job_error", LOST),
        ("generator", "job_error", "Object of type generator is not JSON serializable"),
        ("large", "job_complete", None),
        ("silent", "job_complete", None),
    ],
)
async def test_further_ends(task: str, kind: str, message: str | None, celeries: Celeries, audience: Audience) -> None:
    event = await audience.the_end(celeries.send(task))
    assert (event["type"], event.get("error_message"), event.get("result")) == (kind, message, None)


@pytest.mark.long
async def test_a_task_that_another_one_replaces(celeries: Celeries, audience: Audience) -> None:
    job_id = celeries.send("replaced")
    event = await audience.the_end(job_id)
    assert (event["type"], event["kind"], event["attempt"], event["result"]) == ("job_complete", f"{APP}.total", 2, 3)


@pytest.mark.long
async def test_each_task_of_a_chord_and_a_chain_is_a_job(celeries: Celeries, audience: Audience) -> None:
    ids = [f"canvas-{number}" for number in range(6)]
    doubles = [celeries.sent("double", number).set(task_id=ids[number]) for number in range(3)]
    steps = celeries.sent("double", 4).set(task_id=ids[3]) | celeries.sent("double").set(task_id=ids[4])
    group([chord(doubles, celeries.sent("total").set(task_id=ids[5])), steps]).apply_async()
    for job_id in ids:
        await audience.story(job_id, "job_complete")
    ends = {
        str(end["job_id"]): end["result"] for job_id in ids for end in await audience.events(job_id) if "result" in end
    }
    assert [ends[job_id] for job_id in ids] == [0, 2, 4, 8, 16, 6]


@pytest.mark.long
@pytest.mark.parametrize("servers", ["ours", "both"])
async def test_redis_is_restarted_meanwhile(servers: str, celeries: Celeries, service: Service, tmp_path: Path) -> None:
    job_id = celeries.send("work", str(tmp_path))
    await end_behind_a_restart(service, job_id, tmp_path, servers)


@pytest.mark.long
@pytest.mark.parametrize("pool", ["threads", "solo"])
async def test_other_pools(pool: str, celeries: Celeries, audience: Audience, tmp_path: Path) -> None:
    command = ("-m", "celery", "-A", APP, "worker", "-P", pool, "-c", "2", "-Q", pool, "-n", f"{pool}@localhost")
    with celeries.service.program(*command):
        job_id = celeries.send("work", str(tmp_path), queue=pool)
        await running(tmp_path)
        await audience.cancel(job_id)
        assert (await audience.the_end(job_id))["type"] == "job_cancelled"
        retried = celeries.send("retried", queue=pool)
        assert (await audience.the_end(retried))["attempt"] == 2


@pytest.mark.long
async def test_a_task_whose_id_is_a_downloads_runs_without_a_job(
    celeries: Celeries, service: Service, tmp_path: Path
) -> None:
    url = "http://127.0.0.1:9/nothing.iso"
    _, download = await service.front_end.post("/downloads", {"url": url})
    (tmp_path / "finish").touch()
    job_id = celeries.send("work", str(tmp_path), task_id=download["download_id"])
    await until(lambda: f"{job_id}] succeeded" in celeries.worker.output(), "the end of the task")
    assert [event["type"] for event in await history_at(service.valkey.url) if event.get("job_id") == job_id] == []


EAGER = f"""
from {APP} import app, replaced, retried, total

app.conf.task_always_eager = True
assert retried.apply_async(task_id="eager-1").get() == "done"
assert total.apply_async(([1, 2],), task_id="eager-2").get() == 3
replaced.apply_async(task_id="eager-3")
app.conf.task_eager_propagates = True
try:
    total.apply_async(("x",), task_id="eager-4")
except TypeError as error:
    print(error)
"""


async def run(code: str, **environment: str) -> str:
    """Return the output of a program that ends well."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", code), env={**os.environ, **environment}, stdout=asyncio.subprocess.PIPE
    )
    async with asyncio.timeout(60):
        output, _ = await process.communicate()
    assert process.returncode == 0
    return output.decode()


@pytest.mark.long
async def test_eager_tasks(celeries: Celeries, audience: Audience) -> None:
    output = await run(EAGER, **celeries.service.environment)
    ends = [(await audience.events(f"eager-{number}"))[-1] for number in (1, 2, 3, 4)]
    assert [(end["type"], end["attempt"]) for end in ends] == [
        ("job_complete", 2),
        ("job_complete", 1),
        ("job_complete", 2),
        ("job_error", 1),
    ]
    assert ends[3]["error_message"] == output.strip()


WITHOUT_REDIS = f"""
from {APP} import app, total

assert total.delay([1, 2]).id
app.conf.task_always_eager = True
assert total.delay([1, 2]).get() == 3
"""


@pytest.mark.long
async def test_tasks_are_sent_and_run_while_our_redis_is_away(service: Service) -> None:
    await run(WITHOUT_REDIS, **service.environment | {"REDIS_URL": "redis://127.0.0.1:1/0"})


async def test_a_script_that_ends_with_a_task_has_announced_it(service: Service, audience: Audience) -> None:
    job_id = str(uuid4())
    code = f"from {APP} import total\ntotal.apply_async(([1],), task_id='{job_id}', countdown=60)"
    await run(code, **service.environment)
    assert [event["type"] for event in await audience.events(job_id)] == ["job_queued"]
