"""A worker: claims what is ready, renews what it owns, obeys what is wished, and hands over when it must stop."""

import asyncio
import logging
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import aiohttp
import redis
import redis.asyncio

from simulcast.cancellation import is_cancelling
from simulcast.errors import BrokerUnavailable, LeaseLost
from simulcast.jobs import DesiredState, Jobs, Lease
from simulcast.model.channel import ChannelNames
from simulcast.model.job_record import site_of
from simulcast.store.topology import Topology
from workers.error_messages import message_for
from workers.errors import DownloadFailed
from workers.http.retry_policy import RESET_AFTER_BYTES
from workers.reporter import retry_while_unavailable
from workers.transfer.downloader import Downloader
from workers.transfer.limits import WorkerLimits

POLL_S = 1.0  # how long a lost wake-up goes unnoticed
SHUTDOWN_TIMEOUT_S = 5.0

Stop = Literal["paused", "cancelled", "queued", "lost"]
_log = logging.getLogger("simulcast.worker")


@dataclass(slots=True)
class LeasedJob:
    claim: Lease
    task: asyncio.Task[None]
    why: Stop | None = None  # why the task was cancelled

    def stop(self, why: Stop) -> None:
        if self.why is None:
            self.why = why
            self.task.cancel()


class Worker:
    """Owns at most `at_once` downloads. `name` tells workers apart; `clock` is monotonic, in seconds."""

    def __init__(
        self,
        name: str,
        jobs: Jobs,
        downloader: Downloader,
        subscribing: Topology,
        names: ChannelNames,
        lease_s: float,
        at_once: int,
        rules: WorkerLimits,
        clock: Callable[[], float],
    ) -> None:
        self._name = name
        self._jobs = jobs
        self._downloader = downloader
        self._subscribing = subscribing
        self._names = names
        self._lease_s = lease_s
        self._at_once = at_once
        self._rules = rules
        self._chance = random.Random()  # noqa: S311 (nothing secret hangs on it)
        self._clock = clock
        self._owned: dict[str, LeasedJob] = {}  # by token: after a stall, one's own job may be claimed again
        self._look = asyncio.Event()  # something may be ready to claim
        self._ask = asyncio.Event()  # something may be wished of what is owned

    @property
    def owned(self) -> int:
        """How many downloads it has now."""
        return len(self._owned)

    async def run(self, stop: asyncio.Event) -> None:
        """Works until `stop` is set, then hands over what it owns. An error that nobody expected ends it."""
        async with asyncio.TaskGroup() as group:
            claiming = group.create_task(self._claim(group, stop), name="claim")
            tasks = [
                group.create_task(self._renew(), name="renew"),
                group.create_task(self._listen(), name="listen"),
            ]
            await stop.wait()
            self._look.set()
            await asyncio.wait(
                [claiming], timeout=SHUTDOWN_TIMEOUT_S
            )  # a claim under way must be known, to be handed over
            for task in (claiming, *tasks):
                task.cancel()
            await self._release_leases()

    async def _claim(self, group: asyncio.TaskGroup, stop: asyncio.Event) -> None:
        while not stop.is_set() and not is_cancelling():
            self._look.clear()
            try:
                await self._downloader.remove(await self._jobs.orphaned_files(self._name))
                while len(self._owned) < self._at_once and not stop.is_set():
                    claim = await self._jobs.claim(self._name, self._lease_s, self._rules.hosts.saturated_hosts())
                    if claim is None:
                        break
                    self._own(claim, group)
            except BrokerUnavailable as error:
                _log.warning("no jobs: %s", error)
            try:
                async with asyncio.timeout(POLL_S * random.uniform(0.5, 1.0)):  # noqa: S311
                    await self._look.wait()
            except TimeoutError:
                continue

    def _own(self, claim: Lease, group: asyncio.TaskGroup) -> None:
        download_id = claim.record.download_id
        task = group.create_task(self._carry_out(claim), name=f"download {download_id}")
        self._owned[claim.token] = LeasedJob(claim, task)
        self._rules.hosts.begin(site_of(claim.fields["url"]))
        _log.info("downloading %s", download_id)

    async def _carry_out(self, claim: Lease) -> None:
        download_id = claim.record.download_id
        try:
            await self._downloader.run(claim)
            _log.info("complete: %s", download_id)
        except asyncio.CancelledError:
            await self._give_up(claim, self._owned[claim.token].why or "queued")
        except LeaseLost as error:
            _log.warning("stopped: %s", error)
        except (DownloadFailed, aiohttp.ClientError, OSError) as error:
            await self._fail(claim, error)
        finally:
            self._rules.hosts.end(site_of(claim.fields["url"]))
            self._downloader.forget(claim)
            del self._owned[claim.token]
            self._look.set()

    async def _fail(self, claim: Lease, error: Exception) -> None:
        """Tells of a failure: for good, or until the next try."""
        text, retries = message_for(error), claim.record.retries
        left = await asyncio.to_thread(self._downloader.part_file_fields, claim)
        received = await asyncio.to_thread(self._downloader.received, claim)
        if received >= int(claim.fields.get("furthest", "0")) + RESET_AFTER_BYTES:
            left, retries = left | {"furthest": str(received)}, 0
        pause_s = self._rules.retries.delay_after(error, retries, self._chance)
        if pause_s is None:
            _log.info("failed: %s: %s", claim.record.download_id, text)
            await self._end(claim, "error", {"error": text} | left, {"error_message": text})
            return
        _log.info("tried again in %.1f s: %s: %s", pause_s, claim.record.download_id, text)
        again = {"error": text, "retries": str(retries + 1), "delay_ms": str(round(pause_s * 1000))}
        await self._end(claim, "queued", again | left, {"error_message": text, "retries": retries + 1})

    async def _give_up(self, claim: Lease, why: Stop) -> None:
        if why == "lost":
            _log.warning("stopped: the lease of %s is lost", claim.record.download_id)
            return
        left = await asyncio.to_thread(self._downloader.part_file_fields, claim)
        if await self._end(claim, why, left, None) and why == "cancelled":
            await self._downloader.discard(claim)

    async def _end(
        self,
        claim: Lease,
        ending: Literal["error", "paused", "cancelled", "queued"],
        fields: dict[str, str],
        members: dict[str, object] | None,
    ) -> bool:
        """Whether it could be told: then what was written is still this claim's."""
        try:
            async with asyncio.timeout(self._lease_s):  # by then another owner has it, or it is queued
                await retry_while_unavailable(lambda: self._jobs.finish(claim, ending, fields, members))
        except (LeaseLost, TimeoutError) as error:
            _log.warning("could not tell that %s is %s: %s", claim.record.download_id, ending, error)
            return False
        return True

    async def _renew(self) -> None:
        heard = self._clock()
        while not is_cancelling():
            self._ask.clear()
            try:
                async with asyncio.timeout(self._lease_s / 5):
                    await self._ask.wait()
            except TimeoutError:
                pass
            owned = list(self._owned.values())
            if not owned:
                heard = self._clock()
                continue
            asked = self._clock()
            try:
                async with asyncio.timeout(self._lease_s / 5):
                    wishes = await self._jobs.renew([each.claim for each in owned], self._lease_s)
                heard = asked
            except (BrokerUnavailable, TimeoutError) as error:
                _log.warning("leases not renewed: %s", error)
                if self._clock() - heard > 0.8 * self._lease_s:
                    for each in owned:
                        each.stop("lost")
                continue
            for each, wish in zip(owned, wishes, strict=True):
                self._apply_desired_state(each, wish)

    def _apply_desired_state(self, owned: LeasedJob, wish: DesiredState) -> None:
        if wish.desired != "running":
            owned.stop(wish.desired)
        else:
            self._downloader.limit(owned.claim, wish.limit_bytes_per_s)

    async def _listen(self) -> None:
        """Wake-ups. One that is lost costs POLL_S, or a renewal."""
        while not is_cancelling():
            try:
                await self._hear(await self._subscribing.client_for(self._names.channel))
            except (redis.RedisError, OSError) as error:
                self._subscribing.invalidate()
                _log.warning("no wake-ups: %s", error)
            await asyncio.sleep(POLL_S)

    async def _hear(self, client: redis.asyncio.Redis) -> None:
        async with client.pubsub() as pubsub:
            await pubsub.subscribe(self._names.wake)
            while not is_cancelling() and client is await self._subscribing.client_for(self._names.channel):
                message = await pubsub.get_message(ignore_subscribe_messages=True, timeout=POLL_S)
                if message is not None:
                    self._wake(message["data"].decode("utf-8", "replace"))

    def _wake(self, download_id: str) -> None:
        owned = any(each.claim.record.download_id == download_id for each in self._owned.values())
        (self._ask if owned else self._look).set()

    async def _release_leases(self) -> None:
        owned = list(self._owned.values())
        for each in owned:
            each.stop("queued")
        if owned:
            await asyncio.wait([each.task for each in owned], timeout=SHUTDOWN_TIMEOUT_S)
            for each in owned:
                each.task.cancel()
