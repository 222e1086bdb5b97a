"""Reports how far one download is, without ever making the download wait for Redis."""

import asyncio
import json
import logging
import math
from collections.abc import Awaitable, Callable

from simulcast.errors import BrokerUnavailable
from simulcast.jobs import Jobs, Lease
from simulcast.model.events import encode, plain_fraction
from workers.progress_meter import INTERVAL_S, ProgressMeter, Sample

STALL_REPORT_INTERVAL_S = 1.0  # how often a stalled download is reported
RETRY_S = 0.5
_MIN_PAUSE_S = 0.05
_ALMOST = math.nextafter(1.0, 0.0)  # 1.0 comes just before complete

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


class Reporter:
    """One attempt's progress. Newer samples supersede older ones that are not published yet.

    `name`: the file's, once it is known; progress carries it where it differs from the one of the record.
    """

    def __init__(self, jobs: Jobs, lease: Lease, clock: Callable[[], float]) -> None:
        self.name = lease.record.name
        self._jobs = jobs
        self._lease = lease
        self._clock = clock
        self._meter = ProgressMeter()
        self._received = 0
        self._total: int | None = None
        self._checked: int | None = None
        self._moved = asyncio.Event()

    def on_bytes(self, received: int, total: int | None) -> None:
        """Note how far the download is."""
        self._received, self._total = received, total
        self._moved.set()

    def on_checked(self, size: int) -> None:
        """Note how many bytes the checksum has been taken of, once all of them are there."""
        self._checked = size
        self._moved.set()

    async def run(self) -> None:
        """Report until cancelled. Raises LeaseLost; while Redis is away samples are left out."""
        await self._moved.wait()  # until then nothing is known, not even how much is resumed
        while True:
            try:
                async with asyncio.timeout(STALL_REPORT_INTERVAL_S):
                    await self._moved.wait()
            except TimeoutError:
                pass  # no bytes came: report the stall
            self._moved.clear()
            if self._checked is None:
                sample = self._meter.update(self._clock(), self._received, self._total)
            else:
                sample = Sample(_ALMOST, 0, self._received, self._total)
            if sample is not None:
                try:
                    await self._report(sample)
                except BrokerUnavailable as error:
                    _log.warning("left out a progress event: %s", error)
            await asyncio.sleep(_MIN_PAUSE_S if self._checked is None else INTERVAL_S)

    async def finish(self, size: int) -> None:
        """Report 1.0. Raises LeaseLost."""
        self._checked = None
        await retry_while_unavailable(lambda: self._report(self._meter.final(self._clock(), size)))

    async def _report(self, sample: Sample) -> None:
        record = self._lease.record
        members = {
            "type": "download_progress",
            "download_id": record.download_id,
            "progress": sample.progress,
            "speed": sample.speed,
            "attempt": record.attempt,
            "received_bytes": sample.received,
            "total_bytes": sample.total,
        }
        if self.name != record.name:
            members["name"] = self.name
        phase = {} if self._checked is None else {"phase": "checksum"}
        if self._checked is not None:
            members |= phase | {"checked_bytes": self._checked}
        event = encode(members)
        if isinstance(event, str):
            raise TypeError("a progress event is an object")
        await self._jobs.progress(
            self._lease,
            event.payload,
            {
                "progress": json.dumps(plain_fraction(sample.progress)),
                "speed": str(sample.speed),
                "received": str(sample.received),
                "total": "null" if sample.total is None else str(sample.total),
                **phase,
            },
        )
