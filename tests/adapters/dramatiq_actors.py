"""The actors of the tests: `dramatiq tests.adapters.dramatiq_actors`. BROKER_URL and REDIS_URL are of two servers."""

import asyncio
import os
import time
from pathlib import Path

import dramatiq
from dramatiq.brokers.redis import RedisBroker
from dramatiq.middleware import AsyncIO

import simulcast
from simulcast.adapters.dramatiq import track_actors
from simulcast.job_keeper import JobKeeper
from tests.asked_work import Failure, rounds, tell_running

JobKeeper.lease_s = 2.0

broker = RedisBroker(
    url=f"{os.environ['BROKER_URL']}/1",
    namespace=os.environ.get("BROKER_NAMESPACE", "dramatiq"),
    heartbeat_timeout=int(os.environ.get("BROKER_HEARTBEAT_MS", "60000")),
    maintenance_chance=1_000_000,
)
broker.add_middleware(AsyncIO())
dramatiq.set_broker(broker)
track_actors(broker, only=("work", "work_async", "persistent", "retried", "old", "slow", "large"))


@dramatiq.actor(max_retries=0)
def work(folder: str) -> dict[str, int]:
    for _ in rounds(Path(folder)):
        job = simulcast.current_job()
        job.progress(done=1, total=2, unit="frames")
        job.raise_if_cancelled()
        time.sleep(0.02)
    return {"frames": 2}


@dramatiq.actor(max_retries=0)
async def work_async(folder: str) -> None:
    for _ in rounds(Path(folder)):
        job = simulcast.current_job()
        await job.progress(done=1, total=2, unit="frames")
        job.raise_if_cancelled()
        await asyncio.sleep(0.02)


@dramatiq.actor(min_backoff=3000, notify_shutdown=True)  # the retry waits for another worker than the one that stops
def persistent(folder: str) -> None:
    work(folder)


@dramatiq.actor(min_backoff=1)
def retried(folder: str) -> str:
    if not (Path(folder) / "finish").exists():
        (Path(folder) / "finish").touch()
        raise Failure("the tape is busy")
    return "done"


@dramatiq.actor(max_age=1)
def old() -> None:
    """Is skipped."""


@dramatiq.actor(time_limit=100, max_retries=0)
def slow() -> None:
    while True:
        time.sleep(0.01)


@dramatiq.actor
def large() -> str:
    return "x" * 20_000


@dramatiq.actor
def hidden(folder: str) -> None:
    tell_running(Path(folder))
    simulcast.current_job().progress(0.5)
