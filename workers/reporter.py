"""Reports how far one download is, without ever making the download wait for Redis."""

import asyncio
import logging
from collections.abc import Callable

from simulcast.errors import BrokerUnavailable
from simulcast.job_queue import ALMOST, describe_progress
from simulcast.jobs import Jobs, Lease
from workers.progress_meter import INTERVAL_S, ProgressMeter, Sample

STALL_REPORT_INTERVAL_S = 1.0  # how often a stalled download is reported
_MIN_PAUSE_S = 0.05

_log = logging.getLogger("simulcast.worker")


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
        await asyncio.sleep(_MIN_PAUSE_S)  # a small file is complete by then, without a report of its beginning
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
                sample = Sample(ALMOST, 0, self._received, self._total)
            if sample is not None:
                try:
                    await self._jobs.progress(self._lease, *self._describe(sample))
                except BrokerUnavailable as error:
                    _log.warning("left out a progress event: %s", error)
            await asyncio.sleep(_MIN_PAUSE_S if self._checked is None else INTERVAL_S)

    def finish(self, size: int) -> tuple[bytes, dict[str, str]]:
        """Return the event of 1.0, and the record's fields that say the same."""
        self._checked = None
        return self._describe(self._meter.final(self._clock(), size))

    def _describe(self, sample: Sample) -> tuple[bytes, dict[str, str]]:
        members: dict[str, object] = {} if self.name == self._lease.record.name else {"name": self.name}
        if self._checked is not None:
            members |= {"phase": "checksum", "checked_bytes": self._checked}
        return describe_progress(self._lease, sample.progress, sample.speed, sample.received, sample.total, members)
