"""The leases of one process: one task renews all of them, and one for each job that has news publishes its progress.

A lease that can't be had while Redis is away is asked for again at each renewal, so that code runs on meanwhile.
"""

import asyncio
import concurrent.futures
import logging
import os
import secrets
import time
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from functools import partial
from operator import attrgetter
from typing import Literal, TypeVar

from simulcast.background import Background
from simulcast.containment import contain_errors
from simulcast.errors import BrokerUnavailable, JobCancelled, JobTaken, LeaseLost
from simulcast.heartbeat import process_name
from simulcast.model.commands import JobCommand, Reason
from simulcast.model.own_job import JobEnd
from simulcast.own_jobs import JOB_LEASE_S, RENEW_BATCH, OwnJobs
from simulcast.tenure import Tenure

PROGRESS_INTERVAL_S = 0.25
RETRY_S = 0.3
START_TIMEOUT_S = 5.0  # how long a start waits for Redis; then the code runs, and the start is repeated
TAKEN_TIMEOUT_S = JOB_LEASE_S + 5.0  # how long a start waits for the end of a silent owner's lease
END_TIMEOUT_S = 15.0  # how long an end waits for Redis
AWAY_TIMEOUT_S = 0.5  # how long a start waits while Redis is known to be away, and the end of a job that never started
Outcome = Literal[JobEnd, "lost"]

_log = logging.getLogger("simulcast.jobs")
T = TypeVar("T")


class JobKeeper(Background):
    """Keeps the leases of this process on the jobs of one Redis."""

    lease_s = JOB_LEASE_S

    def start(self, tenure: Tenure) -> None:
        """Begin the job, and renew its lease until its end; blocks.

        Raises JobTaken while another process runs it, JobCancelled, LeaseLost. While Redis is away, it returns after
        START_TIMEOUT_S, and the job begins later.
        """
        starting = self.submit("start a job", lambda: self._start_job(tenure))
        try:
            starting.result()
        except BaseException:
            self._abandon(tenure, starting)
            raise

    async def start_async(self, tenure: Tenure) -> None:
        """As `start`, for an event loop."""
        starting = self.submit("start a job", lambda: self._start_job(tenure))
        try:
            await asyncio.wrap_future(starting)
        except BaseException:
            self._abandon(tenure, starting)
            raise

    def _abandon(self, tenure: Tenure, starting: "concurrent.futures.Future[None]") -> None:
        """End the job of a caller that was interrupted, by a cancel or a signal, while it waited for the start."""
        if starting.cancel() or starting.exception() is None:
            with suppress(BrokerUnavailable):  # the interpreter is shutting down
                self.submit("cancel a job", lambda: self._end_abandoned(tenure))

    def end(self, tenure: Tenure, state: JobEnd, measures: str, result: object, error_message: str) -> Outcome:
        """End the job, and return how it ended for everyone; blocks for at most END_TIMEOUT_S."""
        try:
            return self.run("end a job", lambda: self._end_job(tenure, state, measures, result, error_message))
        except BrokerUnavailable:  # the interpreter is shutting down
            return "lost"

    async def end_async(
        self, tenure: Tenure, state: JobEnd, measures: str, result: object, error_message: str
    ) -> Outcome:
        """As `end`, for an event loop. The job ends also where the caller is cancelled meanwhile."""
        loop, told = asyncio.get_running_loop(), asyncio.Event()

        def wake(_: object) -> None:
            with suppress(RuntimeError):  # the loop of a cancelled caller may have been closed
                loop.call_soon_threadsafe(told.set)

        ending = self.submit("end a job", lambda: self._end_job(tenure, state, measures, result, error_message))
        ending.add_done_callback(wake)
        await told.wait()
        return ending.result()

    def push(self, tenure: Tenure, measures: str) -> None:
        """Publish how far the job is, soon; newer measures supersede older ones that wait. Never blocks."""
        tenure.news = measures
        if tenure.pushed_by != os.getpid():
            tenure.pushed_by = os.getpid()
            with suppress(BrokerUnavailable):  # the interpreter is shutting down
                self.submit("publish progress", lambda: self._begin_push(tenure))

    def queue(self, job_id: str, about: str, channel: str, attempt: int, ttl_s: float) -> int:
        """As `OwnJobs.queue`; blocks."""
        return self.run("queue a job", lambda: self._queue_job(job_id, about, channel, attempt, ttl_s))

    async def queue_async(self, job_id: str, about: str, channel: str, attempt: int, ttl_s: float) -> int:
        """As `queue`, for an event loop."""
        return await asyncio.wrap_future(self.queue_later(job_id, about, channel, attempt, ttl_s))

    def queue_later(
        self, job_id: str, about: str, channel: str, attempt: int, ttl_s: float
    ) -> "concurrent.futures.Future[int]":
        """As `queue`; returns immediately."""
        return self.submit("queue a job", lambda: self._queue_job(job_id, about, channel, attempt, ttl_s))

    def cancel_later(self, job_id: str, channel: str) -> "concurrent.futures.Future[Reason | None]":
        """Ask for the end of a job, as a client does; returns immediately."""
        return self.submit("cancel a job", lambda: self._jobs_of(channel).command(JobCommand("cancel_job", job_id)))

    def _begin(self) -> None:
        super()._begin()
        self._name = process_name()
        self._jobs: dict[str, OwnJobs] = {}  # by channel
        self._kept: dict[Tenure, None] = {}
        self._pushes: dict[Tenure, asyncio.Task[None]] = {}
        self._renewal: asyncio.Task[None] | None = None
        self._is_away = False  # Redis: the last start was in vain

    async def _end(self) -> None:
        await super()._end()
        for jobs in self._jobs.values():
            await jobs.aclose()

    def _jobs_of(self, channel: str) -> OwnJobs:
        if channel not in self._jobs:
            self._jobs[channel] = OwnJobs.connect(self.url, self.broker, channel)
        return self._jobs[channel]

    async def _start_job(self, tenure: Tenure) -> None:
        self._kept[tenure] = None
        if self._renewal is None or self._renewal.done():
            self._renewal = asyncio.create_task(self._renew_all(), name="renew the leases of jobs")
        try:
            await self._start_once_free(tenure)
        except BrokerUnavailable as error:
            tenure.starts_late = self._is_away = True
            _log.warning("job %s runs, and clients learn of it later: %s", tenure.job_id, error)
        except BaseException:
            self._kept.pop(tenure, None)
            raise

    async def _end_abandoned(self, tenure: Tenure) -> None:
        if tenure.may_run:
            await self._end_job(tenure, "cancelled", "", None, "")

    async def _start_once_free(self, tenure: Tenure) -> None:
        """Begin the job; wait for the end of an owner that renews its lease no longer. Raises as `OwnJobs.start`."""
        deadline, lease_end_ms = time.monotonic() + TAKEN_TIMEOUT_S, 0.0
        while True:
            try:
                timeout_s = AWAY_TIMEOUT_S if self._is_away else START_TIMEOUT_S
                return await self._retry(lambda: self._ask_for_lease(tenure), timeout_s)
            except JobTaken as taken:
                is_renewed = 0 < lease_end_ms < taken.lease_end_ms
                if not taken.lease_end_ms or is_renewed or time.monotonic() > deadline:
                    raise
                lease_end_ms = taken.lease_end_ms
            await asyncio.sleep(RETRY_S)

    async def _ask_for_lease(self, tenure: Tenure) -> None:
        jobs, tenure.may_run = self._jobs_of(tenure.channel), True
        try:
            lease = await jobs.start(
                tenure.job_id, tenure.about, tenure.token, self._name, attempt=tenure.attempt, lease_s=self.lease_s
            )
        except (JobTaken, JobCancelled, LeaseLost):
            tenure.may_run = False
            raise
        tenure.attempt, tenure.started, self._is_away = lease.attempt, True, False
        tenure.cancel_requested = tenure.cancel_requested or lease.desired == "cancelled"

    async def _end_job(
        self, tenure: Tenure, state: JobEnd, measures: str, result: object, error_message: str
    ) -> Outcome:
        tenure.is_ending = True
        push = self._pushes.pop(tenure, None)
        if push is not None:
            push.cancel()
        jobs, job_id, token = self._jobs_of(tenure.channel), tenure.job_id, tenure.token
        told = partial(jobs.end, job_id, token, state, measures=measures, result=result, error_message=error_message)

        async def end() -> Outcome:
            if not tenure.started:
                await self._ask_for_lease(tenure)
            try:
                return await told()
            except LeaseLost:
                if job_id in await jobs.renew({job_id: token}, self.lease_s):
                    raise
                await self._ask_for_lease(tenure)
                return await told()

        try:
            return await self._retry(end, END_TIMEOUT_S if tenure.started else AWAY_TIMEOUT_S)
        except (LeaseLost, JobTaken, JobCancelled, BrokerUnavailable) as error:
            _log.warning("the end of job %s (%s) is not told: %s", tenure.job_id, state, error)
            tenure.lost = True
            return "lost"
        finally:
            self._kept.pop(tenure, None)

    async def _queue_job(self, job_id: str, about: str, channel: str, attempt: int, ttl_s: float) -> int:
        jobs, nonce = self._jobs_of(channel), secrets.token_hex(8)
        return await self._retry(
            lambda: jobs.queue(job_id, about, attempt=attempt, ttl_s=ttl_s, nonce=nonce), START_TIMEOUT_S
        )

    async def _begin_push(self, tenure: Tenure) -> None:
        if tenure not in self._pushes:
            self._pushes[tenure] = asyncio.create_task(self._push_news(tenure), name="publish the progress of a job")

    async def _push_news(self, tenure: Tenure) -> None:
        try:
            while tenure.news and not tenure.lost:
                with contain_errors("progress of a job"):
                    await self._push_once(tenure)
                await asyncio.sleep(PROGRESS_INTERVAL_S)
                if not tenure.news:
                    tenure.pushed_by = 0  # news that came before are seen now, later ones begin another task
        finally:
            tenure.pushed_by = 0
            if self._pushes.get(tenure) is asyncio.current_task():
                del self._pushes[tenure]

    async def _push_once(self, tenure: Tenure) -> None:
        if not tenure.started:  # the renewal asks for the lease
            return
        measures, tenure.news = tenure.news, ""
        try:
            desired = await self._jobs_of(tenure.channel).progress(tenure.job_id, tenure.token, measures)
            tenure.cancel_requested = tenure.cancel_requested or desired == "cancelled"
        except (BrokerUnavailable, LeaseLost) as error:  # the next renewal tells whether it is lost
            _log.debug("no progress: %s", error)
            tenure.news = tenure.news or measures

    async def _renew_all(self) -> None:
        """Renew all leases periodically, until there are none."""
        while self._kept:
            await asyncio.sleep(self.lease_s / 5)
            with contain_errors("the renewal of leases"):
                for channel in {tenure.channel for tenure in self._kept}:
                    tenures = [tenure for tenure in self._kept if tenure.channel == channel and not tenure.lost]
                    started = sorted((tenure for tenure in tenures if tenure.started), key=attrgetter("attempt"))
                    newest = {tenure.job_id: tenure for tenure in started}
                    for tenure in {*started} - {*newest.values()}:
                        tenure.lose()
                    await self._renew(self._jobs_of(channel), list(newest.values()))
                    await self._start_late(tenure for tenure in tenures if tenure.starts_late and not tenure.started)

    async def _renew(self, jobs: OwnJobs, tenures: list[Tenure]) -> None:
        for first in range(0, len(tenures), RENEW_BATCH):
            batch = tenures[first : first + RENEW_BATCH]
            try:
                states = await jobs.renew({tenure.job_id: tenure.token for tenure in batch}, self.lease_s)
            except BrokerUnavailable as error:
                _log.debug("leases are not renewed: %s", error)
                return
            for tenure in batch:
                if (desired := states.get(tenure.job_id)) is None:
                    tenure.started, tenure.starts_late = False, True  # Redis came back without it
                    continue
                tenure.cancel_requested = tenure.cancel_requested or desired == "cancelled"
                if desired == "lost" and not tenure.is_ending:  # an end may just have been told
                    tenure.lose()

    async def _start_late(self, tenures: Iterable[Tenure]) -> None:
        for tenure in tenures:
            try:
                await self._ask_for_lease(tenure)
            except BrokerUnavailable:
                return
            except (JobTaken, JobCancelled, LeaseLost) as error:
                tenure.lost = True
                tenure.cancel_requested = tenure.cancel_requested or isinstance(error, JobCancelled)
                _log.warning("job %s is not this process's: %s", tenure.job_id, error)

    @staticmethod
    async def _retry(call: Callable[[], Awaitable[T]], timeout_s: float) -> T:
        """Return what the call returns, once Redis is there. Raises BrokerUnavailable after `timeout_s`."""
        error = BrokerUnavailable(f"Redis does not answer within {timeout_s:g} s")
        try:
            async with asyncio.timeout(timeout_s):
                while True:
                    try:
                        return await call()
                    except BrokerUnavailable as unavailable:
                        error = unavailable
                    await asyncio.sleep(RETRY_S)
        except TimeoutError:
            raise error from None
