"""A program that runs one job, in one of several ways: `python -m tests.adapters.job_program WAY JOB_ID FOLDER`.

It writes `running` once the job has begun, with the id of the process that runs it, and goes on until there is `finish`
or `raise`; at its end it writes `outcome`.
"""

import asyncio
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import simulcast
import simulcast.sync
from simulcast.errors import JobCancelled
from simulcast.job_handle import Job
from simulcast.job_keeper import JobKeeper
from tests.asked_work import Failure, rounds

WAYS = ("async", "sync", "thread", "fork", "track")
LEASE_S = 2.0


async def run_async(job_id: str, folder: Path) -> Job:
    async with simulcast.job(job_id, kind="render") as job:
        for _ in rounds(folder):
            if job.cancel_requested:
                break
            await job.progress(done=1, total=2)
            await asyncio.sleep(0.02)
    return job


def run_sync(job_id: str, folder: Path) -> Job:
    with simulcast.sync.job(job_id, kind="render") as job:
        for _ in rounds(folder):
            if job.cancel_requested:
                break
            job.progress(done=1, total=2)
            time.sleep(0.02)
    return job


def run_in_child(job_id: str, folder: Path) -> None:
    simulcast.sync.queue_job(job_id, kind="render")  # the parent has a thread and connections of its own
    child = os.fork()
    if child == 0:
        with suppress(Failure):
            (folder / "outcome").write_text(str(run_sync(job_id, folder).outcome))
        os._exit(0)
    os.waitpid(child, 0)


def run_track(job_id: str, folder: Path) -> None:
    for _ in simulcast.sync.track(rounds(folder), job_id, kind="render"):
        time.sleep(0.02)


def main() -> None:
    JobKeeper.lease_s = LEASE_S
    way, job_id, folder = sys.argv[1], sys.argv[2], Path(sys.argv[3])
    with suppress(Failure, JobCancelled):
        if way == "async":
            (folder / "outcome").write_text(str(asyncio.run(run_async(job_id, folder)).outcome))
        elif way == "thread":
            with ThreadPoolExecutor(1) as pool:
                (folder / "outcome").write_text(str(pool.submit(run_sync, job_id, folder).result().outcome))
        elif way == "sync":
            (folder / "outcome").write_text(str(run_sync(job_id, folder).outcome))
        elif way == "fork":
            run_in_child(job_id, folder)
        else:
            run_track(job_id, folder)


if __name__ == "__main__":
    main()
