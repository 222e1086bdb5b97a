"""A worker: claims ready jobs, renews its leases, applies desired states, and hands over when it must stop."""

import asyncio
import logging
import random
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Literal

from simulcast import tracing
from simulcast.cancellation import is_cancelling
from simulcast.errors import LeaseLost
from simulcast.job_queue import report_end
from simulcast.jobs import DesiredState, Jobs, Lease
from simulcast.model.channel import ENDS_WAIT
from simulcast.model.job_record import site_of
from simulcast.shared_limits import LimitStore
from simulcast.store.topology import Topology
from workers.channels import WorkChannels
from workers.claims import Claims
from workers.disk.threads import in_thread
from workers.error_messages import message_for
from workers.errors import DownloadFailed
from workers.http.retry_policy import RESET_AFTER_BYTES
from workers.leased_job import LeasedJob, Stop
from workers.shared_limits import SharedLimits
from workers.transfer.downloader import Downloader
from workers.transfer.limits import WorkerLimits
from workers.wake_ups import POLL_S, WakeUps

SHUTDOWN_TIMEOUT_S = 5.0
FAILOVER_S = 30.0  # by then another master serves
STRAY_INTERVAL_S = 600.0
SEARCH_INTERVAL_S = 10.0  # between two searches for channels with work
SEARCH_SHARE = 0.01  # of the time, at most, that they take

_log = logging.getLogger("simulcast.worker")


class Worker:
    """Owns at most `max_downloads` downloads of its channels. `name` tells workers apart."""

    def __init__(
        self,
        name: str,
        channels: WorkChannels,
        servers: Topology,
        lease_s: float,
        max_downloads: int,
        limits: WorkerLimits,
        shared_limits: LimitStore,
        on_ends: Callable[[str], None] = lambda _: None,
    ) -> None:
        """Does not own `servers`. `on_ends` gets a channel with ends that nobody was told of."""
        self._name = name
        self._channels = channels
        self._servers = servers
        self._lease_s = lease_s
        self._max_downloads = max_downloads
        self._limits = limits
        self._on_ends = on_ends
        self._rng = random.Random()  # noqa: S311 (nothing secret depends on it)
        self._owned: dict[str, LeasedJob] = {}  # by token: after a stall, one's own job may be claimed again
        self._claiming = 0  # places that claims under way may take
        self._shared = SharedLimits(shared_limits, name, lease_s, limits.pace, self._places, limits.clock)
        self._search_wake = asyncio.Event()  # wake-ups may have been missed
        self._wake_ups = WakeUps(servers, channels.patterns, self._on_wake, self._search_wake.set)
        self._claim_wake = asyncio.Event()  # something may be ready to claim
        self._renew_wake = asyncio.Event()  # the desired state of an owned download may have changed

    @property
    def owned(self) -> int:
        """How many downloads it has now, without those whose end is being reported."""
        return sum(not job.is_ending for job in self._owned.values())

    def _places(self) -> int:
        return self.owned + self._claiming

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop` is set, then hand over the downloads."""
        async with asyncio.TaskGroup() as group:
            claiming = group.create_task(self._claim(group, stop), name="claim")
            rounds = (self._renew, self._wake_ups.run, self._remove_strays, self._search, self._shared.run)
            tasks = [group.create_task(run(), name=run.__qualname__) for run in rounds]
            await stop.wait()
            self._claim_wake.set()
            # A claim under way must be known, to be handed over.
            await asyncio.wait([claiming], timeout=SHUTDOWN_TIMEOUT_S)
            for task in (claiming, *tasks):
                task.cancel()
            await self._release_leases()

    async def _claim(self, group: asyncio.TaskGroup, stop: asyncio.Event) -> None:
        claim = partial(self._claim_one, group)
        async with Claims(self._channels, self._servers, claim, stop.is_set, self._claim_wake.set) as claims:
            while not stop.is_set() and not is_cancelling():
                self._claim_wake.clear()
                await claims.ask(group)
                with suppress(TimeoutError):
                    async with asyncio.timeout(POLL_S * self._rng.uniform(0.5, 1.0)):
                        await self._claim_wake.wait()

    async def _claim_one(self, group: asyncio.TaskGroup, downloader: Downloader) -> bool | None:
        began_s = self._limits.clock()
        if began_s >= downloader.orphans_due_s:
            await downloader.remove_orphans(self._name)
            downloader.orphans_due_s = began_s + POLL_S / 2
        if self._places() >= self._max_downloads:
            return None
        self._claiming += 1
        try:
            if not await self._shared.may_begin():
                return None
            self._channels.begin_turn(downloader.jobs.channel)
            busy = self._limits.hosts.saturated_hosts()
            lease = await downloader.jobs.claim(self._name, self._lease_s, busy)
        finally:
            self._claiming -= 1
            self._shared.wake()
        if lease is None:
            return False
        if span := tracing.start("claim", lease.traceparent, age_s=self._limits.clock() - began_s):
            span.end()
        self._own(downloader, lease, began_s, group)
        return True

    def _own(self, downloader: Downloader, lease: Lease, began_s: float, group: asyncio.TaskGroup) -> None:
        download_id = lease.record.download_id
        task = group.create_task(self._carry_out(downloader, lease), name=f"download {download_id}")
        self._owned[lease.token] = LeasedJob(downloader, lease, task, began_s)
        self._limits.hosts.begin(site_of(lease.fields["url"]))
        _log.info("downloading %s", download_id)

    async def _carry_out(self, downloader: Downloader, lease: Lease) -> None:
        """Download, and end the job; no failure of a download is one of the worker."""
        download_id = lease.record.download_id
        try:
            await self._run(downloader, lease)
        except Exception as error:
            _log.exception("an unexpected error ended the download %s", download_id)
            text = message_for(error)
            await self._end(downloader, lease, "error", {"error": text}, {"error_message": text})
        finally:
            self._free_place(lease)
            downloader.forget(lease)
            del self._owned[lease.token]

    def _free_place(self, lease: Lease) -> None:
        """Let the next job be claimed: its claim and the end of this one, which is sent first, share a round trip."""
        job = self._owned[lease.token]
        if not job.is_ending:
            job.is_ending = True
            self._limits.hosts.end(site_of(lease.fields["url"]))
            self._shared.wake()
            self._claim_wake.set()

    async def _run(self, downloader: Downloader, lease: Lease) -> None:
        try:
            with tracing.span("download", lease.traceparent, channel=downloader.jobs.channel):
                await downloader.run(lease, partial(self._free_place, lease))
            _log.info("complete: %s", lease.record.download_id)
        except asyncio.CancelledError:
            await self._give_up(downloader, lease, self._owned[lease.token].reason or "queued")
        except LeaseLost as error:
            _log.warning("stopped: %s", error)
            await in_thread(downloader.remove_unrecorded, lease)
        except (DownloadFailed, OSError) as error:
            await self._fail(downloader, lease, error)

    async def _fail(self, downloader: Downloader, lease: Lease, error: Exception) -> None:
        """End the job with an error: for good, or until the next try."""
        text, retries = message_for(error), lease.record.retries
        fields = await in_thread(downloader.part_file_fields, lease)
        received = await in_thread(downloader.received, lease)
        if received >= int(lease.fields.get("furthest", "0")) + RESET_AFTER_BYTES:
            fields, retries = fields | {"furthest": str(received)}, 0
        pause_s = self._limits.retries.delay_after(error, retries, self._rng)
        if pause_s is None:
            _log.info("failed: %s: %s", lease.record.download_id, text)
            await self._end(downloader, lease, "error", {"error": text} | fields, {"error_message": text})
            return
        _log.info("tried again in %.1f s: %s: %s", pause_s, lease.record.download_id, text)
        again = {"error": text, "retries": str(retries + 1), "delay_ms": str(round(pause_s * 1000))}
        await self._end(downloader, lease, "queued", again | fields, {"error_message": text, "retries": retries + 1})

    async def _give_up(self, downloader: Downloader, lease: Lease, reason: Stop) -> None:
        if reason == "lost":
            _log.warning("stopped: the lease of %s is lost", lease.record.download_id)
            await in_thread(downloader.remove_unrecorded, lease)
            return
        fields = await in_thread(downloader.part_file_fields, lease)
        if await self._end(downloader, lease, reason, fields, None) and reason == "cancelled":
            await downloader.discard(lease)

    async def _end(
        self,
        downloader: Downloader,
        lease: Lease,
        ending: Literal["error", "paused", "cancelled", "queued"],
        fields: dict[str, str],
        members: dict[str, object] | None,
    ) -> bool:
        """Report the end; False where that failed: then the files may be another owner's.

        An end that the former master published must reach the next one before another owner gets the job.
        """
        self._free_place(lease)
        try:
            async with asyncio.timeout(self._lease_s + FAILOVER_S):
                await report_end(downloader.jobs, lease, ending, fields, members)
        except Exception as error:
            _log.warning("could not report that %s is %s: %r", lease.record.download_id, ending, error)
            return False
        return True

    async def _renew(self) -> None:
        while not is_cancelling():
            self._renew_wake.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(self._lease_s / 5):
                    await self._renew_wake.wait()
            owned: dict[Downloader, list[LeasedJob]] = {}
            for job in self._owned.values():
                owned.setdefault(job.downloader, []).append(job)
            await asyncio.gather(*(self._renew_leases(downloader.jobs, jobs) for downloader, jobs in owned.items()))

    async def _renew_leases(self, jobs: Jobs, owned: list[LeasedJob]) -> None:
        """Renew the leases of one channel, and do what their desired states ask for."""
        began_s = self._limits.clock()
        try:
            async with asyncio.timeout(self._lease_s / 5):
                states = await jobs.renew([job.lease for job in owned], self._lease_s)
        except Exception as error:
            _log.warning("leases not renewed: %r", error)
            for job in owned:
                if self._limits.clock() - job.renewed_s > 0.8 * self._lease_s and not job.is_ending:
                    job.stop("lost")
            return
        for job, desired in zip(owned, states, strict=True):
            job.renewed_s = began_s
            self._apply_desired_state(job, desired)

    def _apply_desired_state(self, job: LeasedJob, state: DesiredState) -> None:
        if state.desired != "running":
            job.stop(state.desired)
        else:
            job.downloader.limit(job.lease, state.limit_bytes_per_s)

    async def _search(self) -> None:
        """Look for channels with work that no wake-up has told of, if there may be some that no setting names."""
        while self._channels.patterns.prefixes and not is_cancelling():
            self._search_wake.clear()
            began_s = self._limits.clock()
            try:
                await self._channels.search({job.downloader.jobs.channel for job in self._owned.values()})
                self._claim_wake.set()
            except Exception as error:
                _log.warning("channels with downloads not looked for: %r", error)
            pause_s = max(SEARCH_INTERVAL_S, (self._limits.clock() - began_s) / SEARCH_SHARE)
            with suppress(TimeoutError):
                async with asyncio.timeout(pause_s * self._rng.uniform(0.5, 1.0)):
                    await self._search_wake.wait()

    async def _remove_strays(self) -> None:
        while not is_cancelling():
            try:
                await self._channels.remove_strays()
            except Exception as error:
                _log.warning("part files not looked at: %r", error)
            await asyncio.sleep(STRAY_INTERVAL_S * self._rng.uniform(0.5, 1.0))

    def _on_wake(self, channel: str, download_id: str) -> None:
        if download_id == ENDS_WAIT:
            self._on_ends(channel)
            return
        owned = (job.lease.record.download_id for job in self._owned.values() if job.downloader.jobs.channel == channel)
        if download_id in owned:
            self._renew_wake.set()
        elif self._channels.wake(channel):
            self._claim_wake.set()

    async def _release_leases(self) -> None:
        owned = list(self._owned.values())
        for job in owned:
            job.stop("queued")
        if owned:
            await asyncio.wait([job.task for job in owned], timeout=SHUTDOWN_TIMEOUT_S)
            for job in owned:
                job.task.cancel()
