"""A worker: claims ready jobs, renews its leases, applies desired states, and hands over when it must stop."""

import asyncio
import logging
import random
from dataclasses import dataclass
from functools import partial
from typing import Literal

import redis
import redis.asyncio

from simulcast.cancellation import is_cancelling
from simulcast.errors import BrokerUnavailable, LeaseLost
from simulcast.job_queue import report_end
from simulcast.jobs import DesiredState, Jobs, Lease
from simulcast.model.channel import ChannelNames
from simulcast.model.job_record import site_of
from simulcast.store.topology import Topology
from workers.disk.threads import in_thread
from workers.error_messages import message_for
from workers.errors import DownloadFailed
from workers.http.retry_policy import RESET_AFTER_BYTES
from workers.transfer.downloader import Downloader
from workers.transfer.limits import WorkerLimits

POLL_S = 1.0  # how long a lost wake-up goes unnoticed
WAKE_INTERVAL_S = 0.02  # anyone may publish wake-ups: those that come in it cost one round trip
MAX_WAKE_UPS = 500  # that are read then
SHUTDOWN_TIMEOUT_S = 5.0
FAILOVER_S = 30.0  # by then another master serves
STRAY_INTERVAL_S = 600.0

Stop = Literal["paused", "cancelled", "queued", "lost"]
_log = logging.getLogger("simulcast.worker")


@dataclass(slots=True)
class LeasedJob:
    lease: Lease
    task: asyncio.Task[None]
    reason: Stop | None = None  # why the task was cancelled
    is_ending: bool = False  # it takes no place any more; an end may have been published, though no reply came

    def stop(self, reason: Stop) -> None:
        if self.reason is None:
            self.reason = reason
            self.task.cancel()


class Worker:
    """Owns at most `max_downloads` downloads. `name` tells workers apart."""

    def __init__(
        self,
        name: str,
        jobs: Jobs,
        downloader: Downloader,
        subscribing: Topology,
        names: ChannelNames,
        lease_s: float,
        max_downloads: int,
        limits: WorkerLimits,
    ) -> None:
        self._name = name
        self._jobs = jobs
        self._downloader = downloader
        self._subscribing = subscribing
        self._names = names
        self._lease_s = lease_s
        self._max_downloads = max_downloads
        self._limits = limits
        self._rng = random.Random()  # noqa: S311 (nothing secret depends on it)
        self._owned: dict[str, LeasedJob] = {}  # by token: after a stall, one's own job may be claimed again
        self._claim_wake = asyncio.Event()  # something may be ready to claim
        self._renew_wake = asyncio.Event()  # the desired state of an owned download may have changed

    @property
    def owned(self) -> int:
        """How many downloads it has now, without those whose end is being reported."""
        return sum(not job.is_ending for job in self._owned.values())

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop` is set, then hand over the downloads."""
        async with asyncio.TaskGroup() as group:
            claiming = group.create_task(self._claim(group, stop), name="claim")
            tasks = [
                group.create_task(self._renew(), name="renew"),
                group.create_task(self._listen(), name="listen"),
                group.create_task(self._remove_strays(), name="remove strays"),
            ]
            await stop.wait()
            self._claim_wake.set()
            # A claim under way must be known, to be handed over.
            await asyncio.wait([claiming], timeout=SHUTDOWN_TIMEOUT_S)
            for task in (claiming, *tasks):
                task.cancel()
            await self._release_leases()

    async def _claim(self, group: asyncio.TaskGroup, stop: asyncio.Event) -> None:
        orphans_due_s = self._limits.clock()
        while not stop.is_set() and not is_cancelling():
            self._claim_wake.clear()
            try:
                if self._limits.clock() >= orphans_due_s:
                    await self._downloader.remove_orphans(self._name)
                    orphans_due_s = self._limits.clock() + POLL_S / 2
                while self.owned < self._max_downloads and not stop.is_set():
                    busy = self._limits.hosts.saturated_hosts()
                    lease = await self._jobs.claim(self._name, self._lease_s, busy)
                    if lease is None:
                        break
                    self._own(lease, group)
            except BrokerUnavailable as error:
                _log.warning("no jobs: %s", error)
            except Exception:
                _log.exception("no jobs")
            try:
                async with asyncio.timeout(POLL_S * self._rng.uniform(0.5, 1.0)):
                    await self._claim_wake.wait()
            except TimeoutError:
                continue

    def _own(self, lease: Lease, group: asyncio.TaskGroup) -> None:
        download_id = lease.record.download_id
        task = group.create_task(self._carry_out(lease), name=f"download {download_id}")
        self._owned[lease.token] = LeasedJob(lease, task)
        self._limits.hosts.begin(site_of(lease.fields["url"]))
        _log.info("downloading %s", download_id)

    async def _carry_out(self, lease: Lease) -> None:
        """Download, and end the job; no failure of a download is one of the worker."""
        download_id = lease.record.download_id
        try:
            await self._run(lease)
        except Exception as error:
            _log.exception("an unexpected error ended the download %s", download_id)
            text = message_for(error)
            await self._end(lease, "error", {"error": text}, {"error_message": text})
        finally:
            self._free_place(lease)
            self._downloader.forget(lease)
            del self._owned[lease.token]

    def _free_place(self, lease: Lease) -> None:
        """Let the next job be claimed: its claim and the end of this one, which is sent first, share a round trip."""
        job = self._owned[lease.token]
        if not job.is_ending:
            job.is_ending = True
            self._limits.hosts.end(site_of(lease.fields["url"]))
            self._claim_wake.set()

    async def _run(self, lease: Lease) -> None:
        try:
            await self._downloader.run(lease, partial(self._free_place, lease))
            _log.info("complete: %s", lease.record.download_id)
        except asyncio.CancelledError:
            await self._give_up(lease, self._owned[lease.token].reason or "queued")
        except LeaseLost as error:
            _log.warning("stopped: %s", error)
            await in_thread(self._downloader.remove_unrecorded, lease)
        except (DownloadFailed, OSError) as error:
            await self._fail(lease, error)

    async def _fail(self, lease: Lease, error: Exception) -> None:
        """End the job with an error: for good, or until the next try."""
        text, retries = message_for(error), lease.record.retries
        fields = await in_thread(self._downloader.part_file_fields, lease)
        received = await in_thread(self._downloader.received, lease)
        if received >= int(lease.fields.get("furthest", "0")) + RESET_AFTER_BYTES:
            fields, retries = fields | {"furthest": str(received)}, 0
        pause_s = self._limits.retries.delay_after(error, retries, self._rng)
        if pause_s is None:
            _log.info("failed: %s: %s", lease.record.download_id, text)
            await self._end(lease, "error", {"error": text} | fields, {"error_message": text})
            return
        _log.info("tried again in %.1f s: %s: %s", pause_s, lease.record.download_id, text)
        again = {"error": text, "retries": str(retries + 1), "delay_ms": str(round(pause_s * 1000))}
        await self._end(lease, "queued", again | fields, {"error_message": text, "retries": retries + 1})

    async def _give_up(self, lease: Lease, reason: Stop) -> None:
        if reason == "lost":
            _log.warning("stopped: the lease of %s is lost", lease.record.download_id)
            await in_thread(self._downloader.remove_unrecorded, lease)
            return
        fields = await in_thread(self._downloader.part_file_fields, lease)
        if await self._end(lease, reason, fields, None) and reason == "cancelled":
            await self._downloader.discard(lease)

    async def _end(
        self,
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
                await report_end(self._jobs, lease, ending, fields, members)
        except Exception as error:
            _log.warning("could not report that %s is %s: %r", lease.record.download_id, ending, error)
            return False
        return True

    async def _renew(self) -> None:
        renewed_s = self._limits.clock()
        while not is_cancelling():
            self._renew_wake.clear()
            try:
                async with asyncio.timeout(self._lease_s / 5):
                    await self._renew_wake.wait()
            except TimeoutError:
                pass
            owned = list(self._owned.values())
            if not owned:
                renewed_s = self._limits.clock()
                continue
            began_s = self._limits.clock()
            try:
                async with asyncio.timeout(self._lease_s / 5):
                    states = await self._jobs.renew([job.lease for job in owned], self._lease_s)
                renewed_s = began_s
            except Exception as error:
                _log.warning("leases not renewed: %r", error)
                if self._limits.clock() - renewed_s > 0.8 * self._lease_s:
                    for job in owned:
                        if not job.is_ending:
                            job.stop("lost")
                continue
            for job, desired in zip(owned, states, strict=True):
                self._apply_desired_state(job, desired)

    def _apply_desired_state(self, job: LeasedJob, state: DesiredState) -> None:
        if state.desired != "running":
            job.stop(state.desired)
        else:
            self._downloader.limit(job.lease, state.limit_bytes_per_s)

    async def _listen(self) -> None:
        """Receive wake-ups. One that is lost costs POLL_S, or a renewal."""
        while not is_cancelling():
            try:
                await self._receive_wake_ups(await self._subscribing.client_for(self._names.channel))
            except (redis.RedisError, OSError) as error:
                self._subscribing.invalidate()
                _log.warning("no wake-ups: %s", error)
            await asyncio.sleep(POLL_S)

    async def _receive_wake_ups(self, client: redis.asyncio.Redis) -> None:
        async with client.pubsub() as pubsub:
            await pubsub.subscribe(self._names.wake)
            while not is_cancelling() and client is await self._subscribing.client_for(self._names.channel):
                timeout_s = POLL_S
                for _ in range(MAX_WAKE_UPS):
                    message = await pubsub.get_message(ignore_subscribe_messages=True, timeout=timeout_s)
                    if message is None:
                        break
                    self._wake(message["data"].decode("utf-8", "replace"))
                    timeout_s = 0.0
                await asyncio.sleep(WAKE_INTERVAL_S)

    async def _remove_strays(self) -> None:
        while not is_cancelling():
            try:
                await self._downloader.remove_strays()
            except Exception as error:
                _log.warning("part files not looked at: %r", error)
            await asyncio.sleep(STRAY_INTERVAL_S * self._rng.uniform(0.5, 1.0))

    def _wake(self, download_id: str) -> None:
        owned = any(job.lease.record.download_id == download_id for job in self._owned.values())
        (self._renew_wake if owned else self._claim_wake).set()

    async def _release_leases(self) -> None:
        owned = list(self._owned.values())
        for job in owned:
            job.stop("queued")
        if owned:
            await asyncio.wait([job.task for job in owned], timeout=SHUTDOWN_TIMEOUT_S)
            for job in owned:
                job.task.cancel()
