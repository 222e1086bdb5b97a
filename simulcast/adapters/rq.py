"""RQ: each job is a job that clients follow, queued, running, with its progress, its end, its retries and its loss.

    queue = Queue(connection=connection, job_class=TrackedJob)
    rq worker --job-class simulcast.adapters.rq.TrackedJob

A job reports by `simulcast.current_job()`.
"""

import concurrent.futures
from collections.abc import Collection
from typing import Any

from redis.client import Pipeline
from rq.exceptions import DeserializationError
from rq.job import Job, JobStatus, Retry

from simulcast.adapters.tracker import Tracker, set_result
from simulcast.errors import JobCancelled
from simulcast.job_handle import SyncJob, error_text
from simulcast.job_keeper import START_TIMEOUT_S
from simulcast.model.channel import DEFAULT_CHANNEL

_WAITING = (JobStatus.QUEUED, JobStatus.DEFERRED)


class TrackedJob(Job):
    """A job of RQ, for queues and for workers of each class.

    A subclass may choose the channel, the `url` of Redis ("" for REDIS_URL), and `only` some functions by their names.
    """

    simulcast_channel = DEFAULT_CHANNEL
    simulcast_url = ""
    simulcast_only: Collection[str] = ()

    _run: SyncJob | None = None
    _is_announced = False
    _is_cancelled = False

    def set_status(self, status: JobStatus, pipeline: Pipeline | None = None) -> None:
        """As `Job.set_status`; tell clients that the job is queued, canceled or stopped."""
        if status == JobStatus.FAILED and self._is_cancelled:
            status = JobStatus.CANCELED
        if status in _WAITING and self._is_tracked():
            self._announce()
        elif status in (JobStatus.CANCELED, JobStatus.STOPPED):
            self._tracker().cancel(self.id)
        super().set_status(status, pipeline)

    def delete(self, *args: Any, **kwargs: Any) -> None:
        """As `Job.delete`; tell clients that a job which waits is not run any more."""
        if self.get_status(refresh=False) in _WAITING:
            self._tracker().cancel(self.id)
        super().delete(*args, **kwargs)

    def perform(self) -> Any:
        """As `Job.perform`, in a job that clients follow. Raises JobCancelled if it was cancelled in the queue."""
        if not self._is_tracked():
            return super().perform()
        try:
            self._run = self._tracker().begin(self.id, self._kind(), self._name(), attempt=1)
        except JobCancelled:
            self._give_up()
            raise
        if self._run is None:
            return super().perform()
        try:
            result = super().perform()
        except BaseException as error:
            self._tell_error(self._run, error)
            raise
        self._tell_result(self._run, result)
        return result

    def _tell_error(self, run: SyncJob, error: BaseException) -> None:
        if isinstance(error, Exception) and not isinstance(error, JobCancelled) and self.should_retry:
            run.finish("queued", error_text(error))
        else:
            run.__exit__(None, error, None)
        if run.outcome == "cancelled":
            self._give_up()

    def _tell_result(self, run: SyncJob, result: object) -> None:
        if not isinstance(result, Retry):
            set_result(run, result)
            run.__exit__(None, None, None)
        elif (self.number_of_retries or 0) >= result.max:
            run.finish("error", f"it was retried {result.max} times")
        elif run.finish("queued", "it is to be retried") == "cancelled":
            self._give_up()
            raise JobCancelled(self.id)

    def _announce(self) -> None:
        is_new = self.last_heartbeat is None and not self._is_announced
        known = 1 if is_new else self._run.attempt + 1 if self._run else 0
        self._is_announced = True
        sent = self._tracker().announce(self.id, self._kind(), self._name(), known)
        if not known and sent is not None:
            # Told before a worker can have the job: late, it would announce the attempt behind this one.
            concurrent.futures.wait((sent,), START_TIMEOUT_S)

    def _give_up(self) -> None:
        """Make RQ cancel the job in place of failing or retrying it."""
        self._is_cancelled = True
        self.retries_left = 0

    def _is_tracked(self) -> bool:
        return not self.simulcast_only or self._kind() in self.simulcast_only

    def _kind(self) -> str:
        try:
            return self.func_name or ""
        except DeserializationError:
            return ""

    def _name(self) -> str:
        """Return its description, but not the call that RQ takes for one: arguments may be confidential."""
        kind = self._kind()
        return kind if not self.description or self.description.startswith(f"{kind}(") else self.description

    def _tracker(self) -> Tracker:
        return Tracker(self.simulcast_channel, self.simulcast_url)
