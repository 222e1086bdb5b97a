"""The tasks of the tests: `celery -A tests.adapters.celery_app worker`. BROKER_URL names the queue's own server."""

import os
import time
from pathlib import Path
from typing import Any

from celery import Celery, Task
from celery.exceptions import Ignore, Reject

import simulcast
from simulcast.adapters.celery import track_tasks
from simulcast.job_keeper import JobKeeper
from tests.asked_work import Failure, rounds

JobKeeper.lease_s = 2.0

broker = os.environ.get("BROKER_URL", "")
app = Celery("tests", broker=f"{broker}/0", backend=f"{broker}/2")
app.conf.broker_connection_retry_on_startup = True
app.conf.worker_prefetch_multiplier = 1
app.conf.result_expires = 600
track_tasks(app)


def work(folder: str) -> dict[str, int]:
    for _ in rounds(Path(folder)):
        job = simulcast.current_job()
        job.progress(done=1, total=2, unit="frames")
        job.raise_if_cancelled()
        time.sleep(0.02)
    return {"frames": 2}


app.task(work)


@app.task(acks_late=True, reject_on_worker_lost=True)
def redelivered(folder: str) -> dict[str, int]:
    return work(folder)


@app.task(autoretry_for=(Exception,), retry_backoff=False, default_retry_delay=0, max_retries=2)
def persistent(folder: str) -> dict[str, int]:
    return work(folder)


@app.task(bind=True, default_retry_delay=0)
def retried(self: Task) -> str:
    if self.request.retries == 0:
        raise self.retry(exc=Failure("the tape is busy"))
    return "done"


@app.task(bind=True)
def replaced(self: Task) -> Any:
    return self.replace(total.s([1, 2]))


@app.task
def total(numbers: list[int]) -> int:
    return sum(numbers)


@app.task
def double(number: int) -> int:
    return 2 * number


@app.task
def ignored() -> None:
    raise Ignore


@app.task
def rejected() -> None:
    raise Reject("no such tape", requeue=False)


@app.task(soft_time_limit=1)
def slow() -> None:
    time.sleep(60)


@app.task(time_limit=1)
def slower() -> None:
    time.sleep(60)


@app.task
def generator() -> Any:
    return (number for number in range(3))


@app.task
def large() -> str:
    return "x" * 20_000


@app.task(ignore_result=True)
def silent() -> int:
    return 1
