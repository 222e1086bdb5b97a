"""dramatiq's messages in its real workers: each end of a message is told once, to clients of two front-ends."""

import os
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from dramatiq import Message
from dramatiq.brokers.redis import RedisBroker

from simulcast.adapters.dramatiq import track_actors
from tests.adapters.audience import LOST, RETRIED, Audience, Service, end_behind_a_restart, running
from tests.conditions import until
from tests.service import Program

pytestmark = pytest.mark.long

COMMAND = ("-m", "dramatiq", "tests.adapters.dramatiq_actors", "--processes", "1", "--threads", "3")


@dataclass
class Dramatiq:
    """A worker, and a broker that sends it messages without knowing its actors."""

    broker: RedisBroker
    worker: Program

    def send(self, actor: str, *args: object, delay: int | None = None, **options: Any) -> str:
        message: Message[Any] = Message("default", actor, args, {}, {}, **options)
        return self.broker.enqueue(message, delay=delay).message_id


def make_broker(service: Service, namespace: str = "dramatiq", url: str = "") -> RedisBroker:
    broker = RedisBroker(url=f"{service.environment['BROKER_URL']}/1", namespace=namespace)
    broker.declare_queue("default")
    track_actors(broker, url=url or service.valkey.url)
    return broker


@pytest.fixture(scope="module")
def dramatiq(service: Service) -> Iterator[Dramatiq]:
    with service.program(*COMMAND) as worker:
        yield Dramatiq(make_broker(service), worker)


@pytest.mark.parametrize("actor", ["work", "work_async"])
@pytest.mark.parametrize(
    ("end", "kind", "message"),
    [("finish", "job_complete", None), ("raise", "job_error", "the film is torn")],
)
async def test_a_message_that_finishes_or_raises(
    actor: str, end: str, kind: str, message: str | None, dramatiq: Dramatiq, audience: Audience, tmp_path: Path
) -> None:
    job_id = dramatiq.send(actor, str(tmp_path))
    await running(tmp_path)
    (tmp_path / end).touch()
    event = await audience.the_end(job_id)
    assert (event["type"], event.get("error_message"), event["attempt"]) == (kind, message, 1)
    assert (event["kind"], event["name"], event["done"]) == (actor, actor, 2 if end == "finish" else 1)
    assert event.get("result") == ({"frames": 2} if (actor, end) == ("work", "finish") else None)
    assert [event["type"] for event in await audience.events(job_id)][-2:] == ["job_started", kind]


@pytest.mark.parametrize("actor", ["work", "work_async", "persistent"])
async def test_a_running_message_that_is_cancelled(
    actor: str, dramatiq: Dramatiq, audience: Audience, tmp_path: Path
) -> None:
    job_id = dramatiq.send(actor, str(tmp_path))
    await audience.cancel_running(job_id, tmp_path)


async def test_a_message_that_is_cancelled_in_the_queue_is_skipped(
    dramatiq: Dramatiq, audience: Audience, tmp_path: Path
) -> None:
    job_id = dramatiq.send("work", str(tmp_path), delay=1000)
    await audience.story(job_id, "job_queued")
    await audience.cancel(job_id)
    assert (await audience.the_end(job_id))["type"] == "job_cancelled"
    await until(lambda: "was skipped" in dramatiq.worker.output(), "the worker's turn")
    assert not (tmp_path / "running").exists()
    assert await audience.story(job_id, "job_cancelled") == ["cancelled 1"]


async def test_a_retry_is_the_next_attempt(dramatiq: Dramatiq, audience: Audience, tmp_path: Path) -> None:
    job_id = dramatiq.send("retried", str(tmp_path))
    assert await audience.retried(job_id) == RETRIED


async def test_a_killed_process_loses_its_message_and_the_next_one_runs_it_again(
    service: Service, audience: Audience, tmp_path: Path
) -> None:
    apart = {"BROKER_NAMESPACE": "killed", "BROKER_HEARTBEAT_MS": "1000"}
    with service.program(*COMMAND, **apart) as worker:
        job_id = Dramatiq(make_broker(service, "killed"), worker).send("work", str(tmp_path))
        process = await running(tmp_path)
        (tmp_path / "running").unlink()
        os.kill(process, signal.SIGKILL)
        event = await audience.the_end(job_id)
    assert (event["type"], event["error_message"]) == ("job_error", LOST)
    (tmp_path / "finish").touch()
    with service.program(*COMMAND, **apart):
        story = await audience.story(job_id, "job_complete")
    assert story == ["started 1", "error 1 its process was lost", "started 2", "complete 2"]


async def test_a_message_that_was_stopped_for_longer_than_its_lease(
    dramatiq: Dramatiq, audience: Audience, tmp_path: Path
) -> None:
    job_id = dramatiq.send("work", str(tmp_path))
    lost = await audience.stop_past_its_lease(job_id, tmp_path)
    await until(lambda: f"the end of job {job_id} (complete) is not told" in dramatiq.worker.output(), "the end")
    await audience.told_once(lost)
    assert await audience.story(job_id, "job_error") == ["started 1", "error 1 its process was lost"]


async def test_further_ends(dramatiq: Dramatiq, audience: Audience, tmp_path: Path) -> None:
    slow, large, hidden = dramatiq.send("slow"), dramatiq.send("large"), dramatiq.send("hidden", str(tmp_path))
    old = dramatiq.send("old", message_timestamp=1)
    assert await audience.story(slow, "job_error") == ["started 1", "error 1 TimeLimitExceeded"]
    assert await audience.story(large, "job_complete") == ["started 1", "complete 1"]
    assert await audience.story(old, "job_error") == ["started 1", "error 1 it was skipped"]
    await running(tmp_path)
    assert [event["type"] for event in await audience.events(hidden)] == ["job_queued"]  # the sender tells of all


async def test_many_messages_in_several_processes(service: Service, audience: Audience, tmp_path: Path) -> None:
    for number in range(40):
        (tmp_path / str(number)).mkdir()
        (tmp_path / str(number) / "finish").touch()
    with service.program(*COMMAND[:-4], "--processes", "2", "--threads", "4", BROKER_NAMESPACE="many") as worker:
        dramatiq = Dramatiq(make_broker(service, "many"), worker)
        jobs = [dramatiq.send(("work", "work_async")[number % 2], str(tmp_path / str(number))) for number in range(40)]
        for job_id in jobs:
            assert await audience.story(job_id, "job_complete") == ["started 1", "complete 1"]


async def test_a_worker_that_is_stopped_leaves_its_message_to_the_next_one(
    service: Service, audience: Audience, tmp_path: Path
) -> None:
    with service.program(
        *COMMAND, "--worker-shutdown-timeout", "5000", BROKER_NAMESPACE="stopped", BROKER_HEARTBEAT_MS="1000"
    ) as worker:
        job_id = Dramatiq(make_broker(service, "stopped"), worker).send("persistent", str(tmp_path))
        await running(tmp_path)
        worker.stop()
    (tmp_path / "finish").touch()
    with service.program(*COMMAND, BROKER_NAMESPACE="stopped", BROKER_HEARTBEAT_MS="1000"):
        story = await audience.story(job_id, "job_complete")
    assert story == ["started 1", "queued 2 Shutdown", "started 2", "complete 2"]


@pytest.mark.parametrize("reason", ["unreachable", "of a download"])
async def test_a_message_that_clients_cannot_follow_runs_all_the_same(
    reason: str, service: Service, dramatiq: Dramatiq, tmp_path: Path
) -> None:
    (tmp_path / "finish").touch()
    if reason == "unreachable":
        away = "redis://127.0.0.1:1/0"
        with service.program(*COMMAND, BROKER_NAMESPACE="away", REDIS_URL=away) as worker:
            Dramatiq(make_broker(service, "away", away), worker).send("work", str(tmp_path))
            await running(tmp_path)
    else:
        _, download = await service.front_end.post("/downloads", {"url": "http://127.0.0.1:9/nothing.iso"})
        dramatiq.send("work", str(tmp_path), message_id=download["download_id"])
        await running(tmp_path)


async def test_redis_is_restarted_meanwhile(dramatiq: Dramatiq, service: Service, tmp_path: Path) -> None:
    job_id = dramatiq.send("work", str(tmp_path))
    await end_behind_a_restart(service, job_id, tmp_path)
