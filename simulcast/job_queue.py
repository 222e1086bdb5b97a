"""The four calls of a worker of any kind: claim, report, the desired state, and end."""

import asyncio
import json
import logging
import math
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from types import MappingProxyType
from typing import Literal, Self

from simulcast.broker import Broker
from simulcast.errors import BrokerUnavailable, LeaseLost
from simulcast.heartbeat import process_name
from simulcast.jobs import Jobs, Lease, ReleaseState
from simulcast.model.channel import DEFAULT_CHANNEL
from simulcast.model.events import encode, plain_fraction
from simulcast.model.job_record import event_members
from simulcast.model.lease import Desired
from simulcast.settings.redis import RedisSettings

POLL_S = 1.0
RETRY_S = 0.5
ALMOST = math.nextafter(1.0, 0.0)  # 1.0 comes just before complete
_log = logging.getLogger("simulcast.worker")


async def retry_while_unavailable(call: Callable[[], Awaitable[None]]) -> None:
    """Repeat the call while Redis is away, until it is done, LeaseLost is raised, or it is cancelled."""
    while True:
        try:
            await call()
        except BrokerUnavailable as error:
            _log.warning("trying again: %s", error)
            await asyncio.sleep(RETRY_S)
        else:
            return


async def report_end(
    jobs: Jobs,
    lease: Lease,
    state: ReleaseState,
    fields: Mapping[str, str],
    members: Mapping[str, object] | None = None,
    progress: bytes = b"",
) -> None:
    """Repeat `Jobs.finish` while Redis is away. Raises LeaseLost.

    The progress is sent once: clients may know the end by then, and take later progress for a job that runs again.
    """
    first = [progress]
    await retry_while_unavailable(
        lambda: jobs.finish(lease, state, fields, members, first.pop() if first else b""),
    )


def describe_progress(
    lease: Lease,
    progress: float,
    speed: int,
    received: int,
    total: int | None,
    members: Mapping[str, object] = MappingProxyType({}),
) -> tuple[bytes, dict[str, str]]:
    """Return the event of how far a job is, and the fields of its record that say the same."""
    record = lease.record
    event = encode(
        {
            "type": "download_progress",
            "download_id": record.download_id,
            "progress": progress,
            "speed": speed,
            "attempt": record.attempt,
            "received_bytes": received,
            "total_bytes": total,
            **members,
        }
    )
    if isinstance(event, str):
        raise TypeError("a progress event is an object")
    fields = {"progress": json.dumps(plain_fraction(progress)), "speed": str(speed), "received": str(received)}
    phase = {"phase": str(members["phase"])} if "phase" in members else {}
    return event.payload, fields | {"total": json.dumps(total)} | phase


class ClaimedJob:
    """A job that belongs to this worker. `url` may hold secrets. `limit_bytes_per_s`: None for no limit."""

    def __init__(self, jobs: Jobs, lease: Lease, lease_s: float) -> None:
        self.download_id = lease.record.download_id
        self.url = lease.fields["url"]
        self.token = lease.token  # no other claim of any job has it
        self.limit_bytes_per_s = lease.record.limit_bytes_per_s
        self._jobs = jobs
        self._lease = lease
        self._lease_s = lease_s
        self._renewed_s = time.monotonic()
        self._received = 0
        self._desired: Desired = "running"

    async def report(self, received: int, total: int | None = None, speed: int = 0) -> None:
        """Publish how many bytes are there, of how many, and bytes a second; left out where Redis does not take it."""
        self._received = received
        progress = min(received / total, ALMOST) if total else 0.0
        event, fields = describe_progress(self._lease, progress, speed, received, total)
        with suppress(BrokerUnavailable, LeaseLost, TimeoutError):
            async with asyncio.timeout(self._lease_s / 5):
                await self._jobs.progress(self._lease, event, fields)

    async def desired(self) -> Desired:
        """Renew the lease, and return "running", or else the state in which to end the job once the engine has stopped.

        Call it at least five times in each lease. "lost": the job is another worker's, or Redis was away for most of
        the lease. Then stop, and touch nothing.
        """
        asked_s = time.monotonic()
        try:
            async with asyncio.timeout(self._lease_s / 5):
                [state] = await self._jobs.renew([self._lease], self._lease_s)
        except (BrokerUnavailable, TimeoutError):
            if asked_s - self._renewed_s > 0.8 * self._lease_s:
                self._desired = "lost"
        else:
            self._renewed_s, self._desired = asked_s, state.desired
            self.limit_bytes_per_s = state.limit_bytes_per_s
        return self._desired

    async def end(
        self, state: ReleaseState | None = None, *, file_path: str = "", error_message: str = ""
    ) -> Literal[ReleaseState, "lost"]:
        """End the job: "complete" with its file, "error" with a sentence for people; without a state as desired last.

        Return the state; "lost" where the job is another worker's by now, and so are its files.
        """
        if self._desired == "lost":
            return "lost"
        ending = state or ("queued" if self._desired == "running" else self._desired)
        fields, members, progress = dict[str, str](), dict[str, str](), b""
        if ending == "complete":
            progress, fields = describe_progress(self._lease, 1.0, 0, self._received, self._received)
            members = {"file_path": file_path}
            name, record = file_path.rpartition("/")[2], self._lease.record
            about = event_members(record.download_id, name, record.url, record.owner, self._lease.traceparent)
            fields |= members | {"name": name, "about": about}
        elif ending == "error":
            fields, members = {"error": error_message}, {"error_message": error_message}
        try:
            async with asyncio.timeout(self._lease_s):
                await report_end(self._jobs, self._lease, ending, fields, members, progress)
        except (LeaseLost, TimeoutError):
            return "lost"
        return ending


class JobQueue:
    """The jobs of a channel, for one worker: an asynchronous context manager.

    `url`: "" for REDIS_URL. A job whose worker is silent for `lease_s` is given to another one.
    """

    def __init__(self, url: str = "", *, channel: str = DEFAULT_CHANNEL, lease_s: float = 15.0) -> None:
        """Raises ValueError for an address or a channel of no known form, SettingRefused for such a REDIS_URL."""
        url = url or RedisSettings.from_environment().resolved_redis_url()
        self._broker = Broker.connect(url)
        self._jobs = Jobs.connect(url, self._broker, channel)
        self._lease_s = lease_s
        self._worker = process_name()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._jobs.aclose()
        await self._broker.aclose()

    async def claim(self) -> ClaimedJob:
        """Wait for the next job, also while Redis is away."""
        while True:
            try:
                lease = await self._jobs.claim(self._worker, self._lease_s)
            except BrokerUnavailable as error:
                _log.warning("no jobs: %s", error)
            else:
                if lease is not None:
                    return ClaimedJob(self._jobs, lease, self._lease_s)
            await asyncio.sleep(POLL_S)
