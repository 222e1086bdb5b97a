"""`simulcast.job`: a block of code whose progress and end everyone sees, and whose loss everyone is told.

Both handles, of `async with` and of `with`, are served by one thread of the process, so an event loop that is busy for
long loses no lease.
"""

import asyncio
import os
from collections.abc import Generator
from contextvars import ContextVar
from types import TracebackType
from typing import Any, Self

from simulcast.background import shared
from simulcast.errors import JobCancelled
from simulcast.event_loop import require_event_loop
from simulcast.job_keeper import JobKeeper, Outcome
from simulcast.model import own_job
from simulcast.model.channel import DEFAULT_CHANNEL, ChannelNames
from simulcast.model.own_job import JobEnd, Number
from simulcast.own_jobs import QUEUED_TTL_S
from simulcast.tenure import Tenure


class _Turn:
    """Gives other tasks a turn where it is awaited, and does nothing where it is not."""

    def __await__(self) -> Generator[None, None, None]:
        yield from asyncio.sleep(0).__await__()


_TURN = _Turn()
_CANCELS = (JobCancelled, asyncio.CancelledError, KeyboardInterrupt, GeneratorExit)


class Job:
    """A job of this process. `outcome`: how it ended for everyone, once it has."""

    def __init__(
        self,
        job_id: str,
        kind: str = "",
        name: str = "",
        channel: str = DEFAULT_CHANNEL,
        attempt: int = 0,
        url: str = "",
        owner: str = "",
        callback_url: str = "",
    ) -> None:
        """Raises InvalidEvent or ValueError for a wrong argument."""
        ChannelNames(channel)
        self.kind = kind
        self.name = name or job_id
        self._result: object = None
        self.outcome: Outcome | None = None
        about = own_job.about(job_id, kind, name, owner, callback_url)
        self._tenure = Tenure(job_id, about, channel, attempt)
        self._url = url
        self._process = os.getpid()
        self._measures: dict[str, Any] = {}
        self._has_seen_cancel = False
        self._outer: Job | None = None
        self._runs = False

    @property
    def id(self) -> str:
        return self._tenure.job_id

    @property
    def attempt(self) -> int:
        """Counts from 1; 0 before the start, unless it was given."""
        return self._tenure.attempt

    @property
    def result(self) -> object:
        """Small JSON that the end of a complete job carries. Setting anything else raises InvalidEvent."""
        return self._result

    @result.setter
    def result(self, value: object) -> None:
        self._result = own_job.copy_result(value)

    @property
    def lost(self) -> bool:
        """True once this process has lost the job: its end was told, and this one's will be refused."""
        return self._tenure.lost

    @property
    def cancel_requested(self) -> bool:
        """True once a client asked for the end. A block that has seen that, and is left, ends the job as cancelled."""
        self._has_seen_cancel = self._has_seen_cancel or self._tenure.cancel_requested
        return self._tenure.cancel_requested

    def raise_if_cancelled(self) -> None:
        """Raise JobCancelled once a client asked for the end."""
        if self.cancel_requested:
            raise JobCancelled(self.id)

    def progress(
        self,
        progress: Number | None = None,
        *,
        done: Number | None = None,
        total: Number | None = None,
        unit: str | None = None,
        message: str | None = None,
    ) -> _Turn:
        """Tell how far the job is: a fraction from 0.0 to 1.0, or `done` of `total`; the others stay where left out.

        Never waits for Redis, and never raises for it: four times a second, the newest one is published. Call it as
        often as you like; in an event loop `await` it, so that other tasks get a turn. Raises InvalidEvent for a wrong
        argument.
        """
        given = {"progress": progress, "done": done, "total": total, "unit": unit, "message": message}
        measures = self._measures | {name: value for name, value in given.items() if value is not None}
        if done is not None and progress is None:
            measures.pop("progress", None)
        text = own_job.measures(**measures)
        self._measures = measures
        if self._runs and not self.lost:
            shared(JobKeeper, self._url).push(self._tenure, text)
        return _TURN

    def _end_of(self, error: BaseException | None) -> tuple[JobEnd, str]:
        """Return the end that the block's own end stands for, and the text of its error."""
        is_group_of_cancels = isinstance(error, BaseExceptionGroup) and error.split(_CANCELS)[1] is None
        if isinstance(error, _CANCELS) or is_group_of_cancels:  # a group comes from an asyncio.TaskGroup
            return "cancelled", ""
        match error:
            case None | SystemExit(code=None | 0):
                is_cancelled = self._has_seen_cancel and self._tenure.cancel_requested and self._result is None
                return ("cancelled" if is_cancelled else "complete"), ""
            case SystemExit():
                return "error", f"it exited with {error.code}"
        return "error", error_text(error)

    def _last_measures(self, state: JobEnd) -> str:
        measures = dict(self._measures)
        if state == "complete":
            measures["progress"] = 1.0
            if "total" in measures:
                measures["done"] = max(measures["total"], measures.get("done", 0))
        return own_job.measures(**measures) if measures else ""

    def _refuse_second_entry(self) -> None:
        if self._runs or self.outcome is not None:
            raise RuntimeError(f"job {self.id} was entered before: make another handle for another run of it")

    def _enter(self) -> None:
        self._outer = _current.get()
        _current.set(self)
        self._runs = True

    def _leave(self) -> bool:
        """Return whether there is something to end: the first time, and in the process that began it."""
        if _current.get() is self:
            _current.set(self._outer)
        is_running, self._runs = self._runs and self._process == os.getpid(), False
        return is_running


def error_text(error: object) -> str:
    """Return the text of an error for people, or the name of its type where it has none; of a group those of all."""
    if isinstance(error, BaseExceptionGroup):
        return "; ".join(map(error_text, error.exceptions))
    try:
        text = str(error)
    except Exception:  # of somebody else's class
        text = ""
    return text or type(error).__name__


class AsyncJob(Job):
    """A job for `async with`."""

    async def __aenter__(self) -> Self:
        """Begin the job. Raises JobTaken while another process runs it, JobCancelled if that was cancelled before.

        Raises RuntimeError without a running asyncio event loop.
        """
        require_event_loop("job")
        self._refuse_second_entry()
        await shared(JobKeeper, self._url).start_async(self._tenure)
        self._enter()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """End the job, unless `finish` did."""
        await self.finish(*self._end_of(error))

    async def finish(self, state: JobEnd, error_message: str = "") -> Outcome:
        """End the job with that state, and return how it ended for everyone: "lost" if its lease was lost before.

        "queued": it will be tried again; `error_message` is the reason. Waits for Redis, within a bound. A second call
        changes nothing.
        """
        if self._leave():
            keeper, measures = shared(JobKeeper, self._url), self._last_measures(state)
            self.outcome = await keeper.end_async(self._tenure, state, measures, self.result, error_message)
        return self.outcome or "lost"


class SyncJob(Job):
    """A job for `with`. A child that was forked in the block may report progress; it ends nothing."""

    def __enter__(self) -> Self:
        """As `AsyncJob.__aenter__`."""
        self._refuse_second_entry()
        shared(JobKeeper, self._url).start(self._tenure)
        self._enter()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """End the job, unless `finish` did."""
        self.finish(*self._end_of(error))

    def finish(self, state: JobEnd, error_message: str = "") -> Outcome:
        """As `AsyncJob.finish`."""
        if self._leave():
            keeper, measures = shared(JobKeeper, self._url), self._last_measures(state)
            self.outcome = keeper.end(self._tenure, state, measures, self.result, error_message)
        return self.outcome or "lost"


_current: ContextVar[Job | None] = ContextVar("simulcast_job", default=None)


def current_job() -> Job:
    """Return the job of the innermost block that runs here. Outside of any, what is reported to it goes nowhere."""
    return _current.get() or Job("none")


def job(
    job_id: str,
    *,
    kind: str = "",
    name: str = "",
    channel: str = DEFAULT_CHANNEL,
    attempt: int = 0,
    url: str = "",
    owner: str = "",
    callback_url: str = "",
) -> AsyncJob:
    """Return a job for `async with`: started at entry; complete, failed or cancelled at exit, as the block ends.

    `kind`: groups jobs of one sort; `name`: for people, the id if left out; `attempt`: 0 for the next one; `url`: ""
    for REDIS_URL; `owner`: the user whose job it is, and `callback_url`: an address that is told of its end, "" to
    leave that as `queue_job` said. Raises InvalidEvent or ValueError for a wrong argument.
    """
    return AsyncJob(job_id, kind, name, channel, attempt, url, owner, callback_url)


async def queue_job(
    job_id: str,
    *,
    kind: str = "",
    name: str = "",
    channel: str = DEFAULT_CHANNEL,
    attempt: int = 0,
    ttl_s: float = QUEUED_TTL_S,
    url: str = "",
    owner: str = "",
    callback_url: str = "",
) -> int:
    """Announce a job that a process will start, and return its attempt; it fails if nobody does within `ttl_s`.

    `attempt`: 0 for the next one; the announcement of an attempt that began or ended already changes nothing.
    `owner`: the user whose job it is. `callback_url`: an address that is told of its end. Raises JobTaken if the id is
    a download's, BrokerUnavailable, InvalidEvent or ValueError for a wrong argument, RuntimeError without a running
    asyncio event loop.
    """
    require_event_loop("queue_job")
    about, keeper = own_job.about(job_id, kind, name, owner, callback_url), shared(JobKeeper, url)
    return await keeper.queue_async(job_id, about, ChannelNames(channel).channel, attempt, ttl_s)
