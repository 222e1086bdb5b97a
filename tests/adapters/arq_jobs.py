"""The jobs of the tests: `arq tests.adapters.arq_jobs.WorkerSettings`. BROKER_URL and REDIS_URL are of two servers."""

import asyncio
import os
from pathlib import Path
from typing import Any

from arq import Retry, cron, func
from arq.connections import RedisSettings, create_pool
from arq.jobs import Job

import simulcast
from simulcast.adapters.arq import track_jobs
from simulcast.job_keeper import JobKeeper
from tests.adapters.sender import serve
from tests.asked_work import Failure, rounds

JobKeeper.lease_s = 2.0
track_jobs(only=("work", "stubborn", "retried", "hopeless", "slow", "large", "cron:tick"))
REDIS = RedisSettings.from_dsn(f"{os.environ.get('BROKER_URL', 'redis://127.0.0.1')}/0")


async def work(ctx: dict[str, Any], folder: str) -> dict[str, int]:
    for _ in rounds(Path(folder)):
        await simulcast.current_job().progress(done=1, total=2, unit="frames")
        await asyncio.sleep(0.02)
    return {"frames": 2}


async def stubborn(ctx: dict[str, Any], folder: str) -> str:
    try:
        await work(ctx, folder)
    except asyncio.CancelledError:
        return "just done"
    return "done"


async def retried(ctx: dict[str, Any]) -> str:
    if ctx["job_try"] == 1:
        raise Retry from Failure("the tape is busy")
    return "done"


async def hopeless(ctx: dict[str, Any]) -> None:
    raise Retry


async def slow(ctx: dict[str, Any]) -> None:
    await asyncio.sleep(60)


async def large(ctx: dict[str, Any]) -> str:
    return "x" * 20_000


async def tick(ctx: dict[str, Any]) -> str:
    return "tock"


async def hidden(ctx: dict[str, Any]) -> None:
    simulcast.current_job().progress(0.5)


class WorkerSettings:
    functions = [  # noqa: RUF012
        *(work, stubborn, retried, large, hidden),
        func(hopeless, max_tries=2),
        func(slow, timeout=0.2),
    ]
    cron_jobs = [cron(tick, run_at_startup=True)]  # noqa: RUF012
    redis_settings = REDIS
    allow_abort_jobs = True
    poll_delay = 0.05
    job_timeout = 60


class ShortSettings:
    """Of a queue whose jobs are delivered again ten seconds after a second."""

    functions = [work]  # noqa: RUF012
    queue_name = "short"
    redis_settings = REDIS
    poll_delay = 0.05
    job_timeout = 1


async def main() -> None:
    pool = await create_pool(REDIS)

    async def enqueue(function: str, args: list[Any], options: dict[str, Any]) -> str:
        if function == "abort":
            return str(await Job(args[0], pool).abort(timeout=20, poll_delay=0.05))
        job = await pool.enqueue_job(function, *args, **options)
        return job.job_id if job else ""

    await serve(enqueue)


if __name__ == "__main__":
    asyncio.run(main())
