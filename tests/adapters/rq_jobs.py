"""The functions of the tests, and the class of their jobs: `rq worker --job-class tests.adapters.rq_jobs.QuickJob`."""

import asyncio
import time
from pathlib import Path

import rq

import simulcast
from simulcast.adapters.rq import TrackedJob
from simulcast.job_keeper import JobKeeper
from tests.asked_work import Failure, rounds

JobKeeper.lease_s = 2.0
MODULE = __name__


class QuickJob(TrackedJob):
    """A job whose loss is told soon."""


class ChosenJob(TrackedJob):
    simulcast_only = (f"{MODULE}.double",)


def work(folder: str) -> dict[str, int]:
    for _ in rounds(Path(folder)):
        job = simulcast.current_job()
        job.progress(done=1, total=2, unit="frames")
        job.raise_if_cancelled()
        time.sleep(0.02)
    return {"frames": 2}


def fail_once(folder: str) -> str:
    if simulcast.current_job().attempt == 1:
        raise Failure("the tape is busy")
    return "done"


def ask_again(maximum: int) -> rq.Retry | str:
    return "done" if simulcast.current_job().attempt > 2 else rq.Retry(max=maximum)


def double(number: int) -> int:
    return 2 * number


def halve(number: int) -> int:
    return number // 2


async def double_async(number: int) -> int:
    await simulcast.current_job().progress(0.5)
    await asyncio.sleep(0)
    return 2 * number


def sleep() -> None:
    time.sleep(60)


def report_failure(job: TrackedJob, *_: object) -> None:
    """The failure callback of a job."""
    raise RuntimeError(f"the callback of {job.id} fails")
