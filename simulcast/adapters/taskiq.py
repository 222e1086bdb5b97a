"""taskiq: each task is a job that clients follow, queued, running, with its progress, its end, its retries and loss.

    from simulcast.adapters.taskiq import SimulcastMiddleware

    broker = broker.with_middlewares(SimulcastMiddleware())

A task reports by `simulcast.current_job()`, sync ones of the thread pool, too; those of a process pool report nothing.
"""

import asyncio
import functools
import inspect
from collections.abc import Callable, Collection
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from taskiq import TaskiqMessage, TaskiqMiddleware, TaskiqResult
from taskiq.exceptions import NoResultError

from simulcast.adapters.async_tracker import AsyncTracker, end_async
from simulcast.adapters.tracker import set_result
from simulcast.errors import JobCancelled
from simulcast.job_handle import AsyncJob, error_text
from simulcast.model.channel import DEFAULT_CHANNEL

_REQUEUES = "X-Taskiq-requeue"  # the label in which taskiq counts Context.requeue()


@dataclass(slots=True, eq=False)
class _Run:
    """A task that runs. `job`: None if that was cancelled in the queue. `error`: before the retries replaced it."""

    job: AsyncJob | None
    requeues: int = 0
    error: BaseException | None = None
    is_retried: bool = False


_current: ContextVar[_Run | None] = ContextVar("simulcast_taskiq_run", default=None)
_endings: set["asyncio.Task[None]"] = set()


class SimulcastMiddleware(TaskiqMiddleware):
    """Makes the tasks of a broker jobs that clients of the channel follow, in the processes that send and run them."""

    def __init__(self, only: Collection[str] = (), channel: str = DEFAULT_CHANNEL, url: str = "") -> None:
        """`only`: names of tasks; empty for all. `url`: of Redis, "" for REDIS_URL. Raises ValueError."""
        super().__init__()
        self._only = frozenset(only)
        self._tracker = AsyncTracker(channel, url)

    def _tracks(self, message: TaskiqMessage) -> bool:
        return not self._only or message.task_name in self._only

    def post_send(self, message: TaskiqMessage) -> None:
        """In the process that sends a task: it is queued. In that of one that failed: it is retried."""
        run = _current.get()
        if run is not None and run.job is not None and run.job.id == message.task_id:
            run.is_retried = True
        elif self._tracks(message):
            self._tracker.announce(message.task_id, message.task_name, message.task_name, _attempt(message))

    async def pre_execute(self, message: TaskiqMessage) -> TaskiqMessage:
        """In a worker: a task begins. One that was cancelled in the queue will fail with JobCancelled."""
        task = self.broker.find_task(message.task_name)
        if task is None or not self._tracks(message):
            return message
        task.original_func = _guard(task.original_func)
        name = message.task_name
        try:
            job = await self._tracker.begin_async(message.task_id, name, name, _attempt(message))
        except JobCancelled:
            _current.set(_Run(None))
            return message
        if job is not None:
            run = _Run(job, _count(message, _REQUEUES))
            _current.set(run)
            if (running := asyncio.current_task()) is not None:
                running.add_done_callback(functools.partial(_abandon, run))
        return message

    def on_error(self, message: TaskiqMessage, result: TaskiqResult[Any], exception: BaseException) -> None:
        """In a worker: a task failed."""
        if (run := _current.get()) is not None:
            run.error = exception

    async def post_execute(self, message: TaskiqMessage, result: TaskiqResult[Any]) -> None:
        """In a worker: a task has ended, or is retried."""
        run = _current.get()
        _current.set(None)
        if run is None:
            return
        error, job = run.error, run.job
        if isinstance(error, NoResultError) and isinstance(error.__cause__, JobCancelled):
            result.error = error = error.__cause__  # nobody retries it any more
        if job is None:
            return
        run.job = None
        has_no_result = isinstance(error, NoResultError)
        if run.is_retried or isinstance(result.error, NoResultError) is not has_no_result:
            await end_async(job, "queued", error_text(error))
        elif _count(message, _REQUEUES) > run.requeues:
            await end_async(job, "queued", "it was requeued")
        elif error is None or has_no_result:
            set_result(job, result.return_value)
            await end_async(job)
        else:
            await end_async(job, error=error)


def _abandon(run: _Run, task: "asyncio.Task[Any]") -> None:
    """End the job of a task of which taskiq told nothing any more, as another middleware raised."""
    if run.job is not None:
        ending = task.get_loop().create_task(end_async(run.job, "error", "its middleware failed"))
        _endings.add(ending)
        ending.add_done_callback(_endings.discard)


class _Guard:
    """A sync function of a task. A process pool gets the function itself."""

    def __init__(self, function: Callable[..., Any]) -> None:
        functools.update_wrapper(self, function)
        self.function = function

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        _refuse_cancelled()
        try:
            return self.function(*args, **kwargs)
        except JobCancelled as cancelled:
            raise NoResultError from cancelled  # which no middleware retries

    def __reduce__(self) -> tuple[Any, ...]:
        return _same, (self.function,)


def _guard(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return the function of a task, which does not run if its job was cancelled in the queue."""
    if isinstance(function, _Guard) or hasattr(function, "simulcast_guards"):
        return function
    if not inspect.iscoroutinefunction(function):
        return _Guard(function)

    @functools.wraps(function)
    async def guarded(*args: Any, **kwargs: Any) -> Any:
        _refuse_cancelled()
        try:
            return await function(*args, **kwargs)
        except JobCancelled as cancelled:
            raise NoResultError from cancelled

    guarded.simulcast_guards = True  # type: ignore[attr-defined]
    return guarded


def _refuse_cancelled() -> None:
    run = _current.get()
    if run is not None and run.job is None:
        raise NoResultError from JobCancelled("cancelled")


def _same(function: Callable[..., Any]) -> Callable[..., Any]:
    return function


def _count(message: TaskiqMessage, label: str) -> int:
    text = str(message.labels.get(label, 0))
    return int(text) if text.isdecimal() else 0


def _attempt(message: TaskiqMessage) -> int:
    return 1 + _count(message, "_retries") + _count(message, _REQUEUES)
