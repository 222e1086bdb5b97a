"""Tasks of a queue as jobs, for libraries with asyncio. No failure of Simulcast's reaches a task."""

import asyncio
from contextlib import suppress

from simulcast.adapters.tracker import FAULTS, Tracker, log
from simulcast.errors import JobCancelled
from simulcast.job_handle import AsyncJob
from simulcast.model.own_job import JobEnd


class AsyncTracker(Tracker):
    """The tasks of one queue."""

    __slots__ = ()

    async def begin_async(self, task_id: str, kind: str, name: str, attempt: int) -> AsyncJob | None:
        """As `begin`."""
        try:
            return await AsyncJob(task_id, kind, name, self.channel, attempt, self.url).__aenter__()
        except JobCancelled:
            raise
        except FAULTS as error:
            log.warning("task %s runs, and clients do not follow it: %s", task_id, error)
        return None


async def end_async(job: AsyncJob, state: JobEnd | None = None, message: str = "", error: object = None) -> None:
    """End a job that may have ended already; with no state, as a block ends that raises `error`, or that just ends.

    A task that has ended stays so: the cancel of a wait for Redis is dropped, and the loss is told instead.
    """
    try:
        with suppress(asyncio.CancelledError):
            if state is not None:
                await job.finish(state, message)
            else:
                await job.__aexit__(None, error if isinstance(error, BaseException) else None, None)
    except FAULTS as fault:
        log.warning("the end of task %s is not told: %s", job.id, fault)
