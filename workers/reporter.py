"""Tells how far one download is, without ever making the download wait for Redis."""

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable

from simulcast.errors import BrokerUnavailable
from simulcast.jobs import Jobs, Lease
from simulcast.model.events import encode, plain_fraction
from workers.progress_meter import ProgressMeter, Sample

STALL_REPORT_INTERVAL_S = 1.0  # how often a stalled download is told of
RETRY_S = 0.5

_log = logging.getLogger("simulcast.worker")


async def retry_while_unavailable(call: Callable[[], Awaitable[None]]) -> None:
    """Repeats the call while Redis is away, until it is done, LeaseLost is raised, or it is cancelled."""
    while True:
        try:
            await call()
        except BrokerUnavailable as error:
            _log.warning("telling again: %s", error)
            await asyncio.sleep(RETRY_S)
        else:
            return


class Reporter:
    """One attempt's progress. Newer samples supersede older ones that are not told yet."""

    def __init__(self, jobs: Jobs, claim: Lease, clock: Callable[[], float]) -> None:
        self._jobs = jobs
        self._claim = claim
        self._clock = clock
        self._meter = ProgressMeter()
        self._received = 0
        self._total: int | None = None
        self._moved = asyncio.Event()

    def on_bytes(self, received: int, total: int | None) -> None:
        """Notes how far the download is."""
        self._received, self._total = received, total
        self._moved.set()

    async def run(self) -> None:
        """Tells until cancelled. Raises LeaseLost; while Redis is away samples are left out."""
        await self._moved.wait()  # until then nothing is known, not even what is resumed
        while True:
            try:
                async with asyncio.timeout(STALL_REPORT_INTERVAL_S):
                    await self._moved.wait()
            except TimeoutError:
                pass  # no bytes came: tell of the stall
            self._moved.clear()
            sample = self._meter.update(self._clock(), self._received, self._total)
            if sample is not None:
                try:
                    await self._report(sample)
                except BrokerUnavailable as error:
                    _log.warning("left out a progress event: %s", error)
            await asyncio.sleep(0.05)

    async def finish(self, size: int) -> None:
        """Tells 1.0. Raises LeaseLost."""
        await retry_while_unavailable(lambda: self._report(self._meter.final(self._clock(), size)))

    async def _report(self, sample: Sample) -> None:
        record = self._claim.record
        event = encode(
            {
                "type": "download_progress",
                "download_id": record.download_id,
                "progress": sample.progress,
                "speed": sample.speed,
                "attempt": record.attempt,
                "received_bytes": sample.received,
                "total_bytes": sample.total,
            }
        )
        if isinstance(event, str):
            raise TypeError("a progress event is an object")
        await self._jobs.progress(
            self._claim,
            event.payload,
            {
                "progress": json.dumps(plain_fraction(sample.progress)),
                "speed": str(sample.speed),
                "received": str(sample.received),
                "total": "null" if sample.total is None else str(sample.total),
            },
        )
