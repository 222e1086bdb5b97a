"""The tasks of the tests: `taskiq worker tests.adapters.taskiq_tasks:broker`. BROKER_URL has a server of its own."""

import asyncio
import os
import time
from pathlib import Path
from typing import Annotated, Any

from taskiq import Context, SimpleRetryMiddleware, TaskiqDepends, TaskiqMessage, TaskiqMiddleware
from taskiq.kicker import AsyncKicker
from taskiq_redis import RedisAsyncResultBackend, RedisStreamBroker

import simulcast
from simulcast.adapters.taskiq import SimulcastMiddleware
from simulcast.job_keeper import JobKeeper
from tests.adapters.sender import serve
from tests.asked_work import Failure, rounds, tell_running

JobKeeper.lease_s = 2.0
URL = f"{os.environ.get('BROKER_URL', 'redis://127.0.0.1')}/0"
FOLLOWED = ("work", "work_sync", "persistent", "retried", "requeued", "broken", "slow", "large")


class Failing(TaskiqMiddleware):
    """Another middleware, which fails."""

    def pre_execute(self, message: TaskiqMessage) -> TaskiqMessage:
        if message.task_name == "broken":
            raise Failure("of a middleware")
        return message


results: RedisAsyncResultBackend[Any] = RedisAsyncResultBackend(URL, result_ex_time=600)
broker = (
    RedisStreamBroker(
        URL,
        os.environ.get("BROKER_QUEUE", "taskiq"),
        consumer_id="0",
        idle_timeout=int(os.environ.get("BROKER_IDLE_MS", "600000")),
        unacknowledged_lock_timeout=1,
    )
    .with_result_backend(results)
    .with_middlewares(SimpleRetryMiddleware(), SimulcastMiddleware(only=FOLLOWED), Failing())
)


@broker.task("work")
async def work(folder: str) -> dict[str, int]:
    for _ in rounds(Path(folder)):
        job = simulcast.current_job()
        await job.progress(done=1, total=2, unit="frames")
        job.raise_if_cancelled()
        await asyncio.sleep(0.02)
    return {"frames": 2}


@broker.task("work_sync")
def work_sync(folder: str) -> dict[str, int]:
    for _ in rounds(Path(folder)):
        job = simulcast.current_job()
        job.progress(done=1, total=2, unit="frames")
        job.raise_if_cancelled()
        time.sleep(0.02)
    return {"frames": 2}


@broker.task("persistent", retry_on_error=True)
async def persistent(folder: str) -> None:
    await work.original_func(folder)


@broker.task("retried", retry_on_error=True)
async def retried(folder: str) -> str:
    if not (Path(folder) / "finish").exists():
        (Path(folder) / "finish").touch()
        raise Failure("the tape is busy")
    return "done"


@broker.task("requeued")
async def requeued(context: Annotated[Context, TaskiqDepends()]) -> str:
    if "X-Taskiq-requeue" not in context.message.labels:
        await context.requeue()
    return "done"


@broker.task("broken")
async def broken() -> None:
    """Does not run."""


@broker.task("slow", timeout=0.2)
async def slow() -> None:
    await asyncio.sleep(60)


@broker.task("large")
def large() -> str:
    return "x" * 20_000


@broker.task("hidden")
async def hidden(folder: str) -> None:
    simulcast.current_job().progress(0.5)
    tell_running(Path(folder))


async def main() -> None:
    await broker.startup()

    async def enqueue(function: str, args: list[Any], options: dict[str, Any]) -> str:
        if function == "result of":
            async with asyncio.timeout(20):
                while not await results.is_result_ready(args[0]):
                    await asyncio.sleep(0.02)
            return str((await results.get_result(args[0])).error)
        kicker: AsyncKicker[Any, Any] = AsyncKicker(function, broker, dict(broker.get_all_tasks()[function].labels))
        return str((await kicker.with_task_id(options.get("task_id")).kiq(*args)).task_id)

    await serve(enqueue)
    await broker.shutdown()


if __name__ == "__main__":
    asyncio.run(main())
