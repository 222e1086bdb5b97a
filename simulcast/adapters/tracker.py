"""Tasks of a queue as jobs, for libraries without asyncio. No failure of Simulcast's reaches a task."""

import concurrent.futures
import logging
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from simulcast.background import shared
from simulcast.errors import InvalidEvent, JobCancelled, SimulcastError
from simulcast.job_handle import Job, SyncJob
from simulcast.job_keeper import JobKeeper
from simulcast.model import own_job
from simulcast.model.channel import DEFAULT_CHANNEL, ChannelNames
from simulcast.own_jobs import QUEUED_TTL_S

MAX_PENDING = 1000
FAULTS = (SimulcastError, ValueError, RuntimeError, OSError)  # no interrupt of a task, such as its time limit

log = logging.getLogger("simulcast.jobs")

Pending = concurrent.futures.Future[Any]
_pending: set[Pending] = set()
os.register_at_fork(after_in_child=_pending.clear)


@dataclass(frozen=True, slots=True)
class Tracker:
    """The tasks of one queue. `url`: "" for REDIS_URL."""

    channel: str = DEFAULT_CHANNEL
    url: str = ""

    def __post_init__(self) -> None:
        """Raises ValueError for a channel of no valid name."""
        ChannelNames(self.channel)

    def announce(self, task_id: str, kind: str, name: str, attempt: int, delay_s: float = 0.0) -> Pending | None:
        """Tell that the task is queued, soon, and return immediately; None if that was dropped.

        `attempt`: an announcement of one that began already changes nothing. `delay_s`: how long it waits at least.
        """
        return self._send_soon(
            "announce",
            task_id,
            lambda keeper: keeper.queue_later(
                task_id, own_job.about(task_id, kind, name), self.channel, attempt, QUEUED_TTL_S + max(0.0, delay_s)
            ),
        )

    def cancel(self, task_id: str) -> None:
        """Tell, soon, that the task was cancelled by its own library. One that has ended, or is unknown, stays so."""
        self._send_soon("cancel", task_id, lambda keeper: keeper.cancel_later(task_id, self.channel))

    def begin(self, task_id: str, kind: str, name: str, attempt: int) -> SyncJob | None:
        """Begin the task as a job, which is `current_job()` from now on; None if the task runs without one.

        Raises JobCancelled, once, if it was cancelled while it was queued.
        """
        try:
            return SyncJob(task_id, kind, name, self.channel, attempt, self.url).__enter__()
        except JobCancelled:
            raise
        except FAULTS as error:
            log.warning("task %s runs, and clients do not follow it: %s", task_id, error)
        return None

    def _send_soon(self, action: str, task_id: str, send: Callable[[JobKeeper], Pending]) -> Pending | None:
        def log_failure(sent: Pending) -> None:
            _pending.discard(sent)
            if not sent.cancelled() and (error := sent.exception()) is not None:
                log.warning("could not %s task %s: %s", action, task_id, error)

        if len(_pending) >= MAX_PENDING:
            log.warning("could not %s task %s: %d others wait for Redis", action, task_id, len(_pending))
            return None
        try:
            sent = send(shared(JobKeeper, self.url))
        except FAULTS as error:
            log.warning("could not %s task %s: %s", action, task_id, error)
            return None
        _pending.add(sent)
        sent.add_done_callback(log_failure)
        return sent


def set_result(job: Job, result: object) -> None:
    """Show the task's result, where it is small JSON and the task itself has set none."""
    if job.result is None:
        try:
            job.result = result
        except InvalidEvent as error:
            log.debug("the result of task %s is not shown: %s", job.id, error)
