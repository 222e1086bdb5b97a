"""arq: each job is a job that clients follow, queued, running, with its progress, its end, its retries and its loss.

    from simulcast.adapters.arq import track_jobs

    track_jobs()

A job reports by `simulcast.current_job()`. A client's cancel cancels its coroutine.
"""

import asyncio
import dataclasses
import functools
from collections.abc import Awaitable, Callable, Collection
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

from arq.connections import ArqRedis
from arq.jobs import SerializationError, deserialize_result
from arq.worker import Retry, RetryJob, Worker

from simulcast.adapters.async_tracker import AsyncTracker, end_async
from simulcast.adapters.tracker import set_result
from simulcast.errors import JobCancelled
from simulcast.job_handle import AsyncJob, error_text
from simulcast.job_keeper import END_TIMEOUT_S, START_TIMEOUT_S
from simulcast.model.channel import DEFAULT_CHANNEL

CANCEL_INTERVAL_S = 0.25
_UNKNOWN = "<unknown>"  # arq's name of the function of a job that expired

Coroutine = Callable[..., Awaitable[Any]]


def track_jobs(only: Collection[str] = (), channel: str = DEFAULT_CHANNEL, url: str = "") -> None:
    """Make the jobs of this process's pools and workers jobs that clients of the channel follow.

    Call it once, where the functions are, so that the processes that enqueue jobs and those that run them do so.
    `only`: names of functions; empty for all. `url`: of Redis, "" for REDIS_URL. Raises ValueError.
    """
    tracking = _Tracking(frozenset(only), AsyncTracker(channel, url))
    enqueue, make, fail = ArqRedis.enqueue_job, Worker.__init__, Worker.finish_failed_job

    @functools.wraps(enqueue)
    async def enqueue_job(pool: ArqRedis, function: str, *args: Any, **kwargs: Any) -> Any:
        job = await enqueue(pool, function, *args, **kwargs)
        if job is not None and tracking.tracks(function):
            tracking.announce(job.job_id, function, kwargs)
        return job

    @functools.wraps(make)
    def make_worker(worker: Worker, *args: Any, **kwargs: Any) -> None:
        make(worker, *args, **kwargs)
        tracking.follow(worker)

    @functools.wraps(fail)
    async def finish_failed_job(worker: Worker, job_id: str, result_data: bytes | None) -> None:
        await fail(worker, job_id, result_data)
        with suppress(SerializationError):
            await tracking.fail(worker, job_id, result_data)

    ArqRedis.enqueue_job = enqueue_job
    Worker.__init__ = make_worker
    Worker.finish_failed_job = finish_failed_job


class _Tracking:
    """The jobs of this process's pools and workers."""

    def __init__(self, only: frozenset[str], tracker: AsyncTracker) -> None:
        self._only = only
        self._tracker = tracker

    def tracks(self, function: str) -> bool:
        return function in self._only if self._only else function != _UNKNOWN

    def announce(self, job_id: str, function: str, options: dict[str, Any]) -> None:
        """In the process that enqueues a job: it is queued."""
        until, by = options.get("_defer_until"), options.get("_defer_by") or 0.0
        delay_s = by.total_seconds() if isinstance(by, timedelta) else float(by)
        if isinstance(until, datetime):
            delay_s = (until.astimezone(UTC) - datetime.now(UTC)).total_seconds()
        self._tracker.announce(job_id, function, function, options.get("_job_try") or 1, delay_s)

    def follow(self, worker: Worker) -> None:
        """Wrap the worker's functions. Each keeps its own time limit; the waits for Redis come on top of that."""
        for name, function in worker.functions.items():
            if self.tracks(name):
                timeout_s = worker.job_timeout_s if function.timeout_s is None else function.timeout_s
                run = _Run(self._tracker, worker, name, function.coroutine, timeout_s)
                patience_s = START_TIMEOUT_S + END_TIMEOUT_S
                worker.functions[name] = dataclasses.replace(
                    function, coroutine=run, timeout_s=None if timeout_s is None else timeout_s + patience_s
                )

    async def fail(self, worker: Worker, job_id: str, result_data: bytes | None) -> None:
        """In a worker: a job failed, expired, or was aborted, before its function ran."""
        if result_data is None:
            return
        result = deserialize_result(result_data, deserializer=worker.job_deserializer)
        if result.function == _UNKNOWN or isinstance(result.result, asyncio.CancelledError):
            self._tracker.cancel(job_id)  # which changes nothing of a job that is not followed
            return
        if not self.tracks(result.function):
            return
        with suppress(JobCancelled):
            job = await self._tracker.begin_async(job_id, result.function, result.function, result.job_try)
            if job is not None:
                await end_async(job, "error", str(result.result))


@dataclasses.dataclass(frozen=True, slots=True)
class _Run:
    """One of a worker's functions, each of whose calls is a job."""

    tracker: AsyncTracker
    worker: Worker
    name: str
    coroutine: Coroutine
    timeout_s: float | None

    async def __call__(self, ctx: dict[Any, Any], *args: Any, **kwargs: Any) -> Any:
        job = await self.tracker.begin_async(ctx["job_id"], self.name, self.name, ctx["job_try"])
        running = asyncio.ensure_future(self.coroutine(ctx, *args, **kwargs))
        if job is None:
            return await asyncio.wait_for(running, self.timeout_s)
        watching = asyncio.create_task(_cancel_on_request(job, running), name="wait for the cancel of a job")
        try:
            result = await asyncio.wait_for(running, self.timeout_s)
        except asyncio.CancelledError:
            if watching.done():
                await end_async(job, "cancelled")
                raise JobCancelled(job.id) from None  # arq would run a cancelled one again
            is_retried = self.worker.retry_jobs and job.id not in self.worker.aborting_tasks
            await end_async(job, "queued" if is_retried else "cancelled", "its worker was stopped")
            raise
        except (Retry, RetryJob) as retry:
            reason = retry.__cause__ or retry.__context__ or retry
            await end_async(job, "queued" if self.worker.retry_jobs else "error", error_text(reason))
            raise
        except BaseException as error:
            await end_async(job, error=error)
            raise
        finally:
            watching.cancel()
        set_result(job, result)
        await end_async(job)
        return result


async def _cancel_on_request(job: AsyncJob, running: "asyncio.Future[Any]") -> None:
    while not job.cancel_requested:  # noqa: ASYNC110 - another thread learns it
        await asyncio.sleep(CANCEL_INTERVAL_S)
    running.cancel()
