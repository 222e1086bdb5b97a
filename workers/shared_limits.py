"""A worker's part of the limits of all workers: kept up to date while it runs, and the last one without Redis."""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress

from simulcast.cancellation import is_cancelling
from simulcast.errors import BrokerUnavailable
from simulcast.model.limits import NO_LIMITS, Allowed, Limits
from simulcast.shared_limits import LimitStore, Part
from workers.http.rate_limit import BandwidthLimiter

INTERVAL_S = 1.0
MIN_INTERVAL_S = 0.1  # between two calls, where many downloads begin and end
LEAVE_TIMEOUT_S = 1.0
_MAX_CHANGES = 3  # of the limits, while one call is repeated

_log = logging.getLogger("simulcast.worker")


class SharedLimits:
    """Sets the rate of `pace`, which all downloads of the worker share, and says whether one more may begin.

    `lease_s`: a worker that reaches no Redis for so long has stopped its downloads, and others get its part.
    `running`: the number of its downloads, with those that may be claimed in this moment. `clock`: monotonic, s.
    """

    def __init__(
        self,
        store: LimitStore,
        worker: str,
        lease_s: float,
        pace: BandwidthLimiter,
        running: Callable[[], int],
        clock: Callable[[], float],
    ) -> None:
        self._store = store
        self._worker = worker
        self._lease_s = lease_s
        self._pace = pace
        self._own_speed = pace.bytes_per_s
        self._running = running
        self._clock = clock
        self._limits: Limits = NO_LIMITS
        self._version: str | None = None  # None until Redis has answered once
        self._offset_s = 0.0  # from the worker's clock to the server's: all workers follow one clock
        self._share = 1.0
        self._turn = asyncio.Lock()
        self._changed = asyncio.Event()

    @property
    def allowed(self) -> Allowed:
        """The limits of all workers that hold now."""
        return self._limits.at(self._clock() + self._offset_s)

    async def run(self) -> None:
        """Follow the limits and the number of running downloads until cancelled, and give the part back then."""
        try:
            while not is_cancelling():
                self._changed.clear()
                try:
                    await self._update(begins=False)
                except BrokerUnavailable as error:
                    _log.debug("the limits are those of before: %s", error)
                    speed = self.allowed.max_speed
                    self._apply(None if speed is None else int(speed * self._share))
                await asyncio.sleep(MIN_INTERVAL_S)
                with suppress(TimeoutError):
                    async with asyncio.timeout(INTERVAL_S - MIN_INTERVAL_S):
                        await self._changed.wait()
        finally:
            with suppress(BrokerUnavailable, TimeoutError):
                async with asyncio.timeout(LEAVE_TIMEOUT_S):
                    await self._store.leave(self._worker)

    def wake(self) -> None:
        """Let the part follow a number of running downloads that has changed."""
        if self._limits != NO_LIMITS:
            self._changed.set()

    async def may_begin(self) -> bool:
        """Return whether one more download may begin, which `running` includes already. Raises BrokerUnavailable."""
        if self._version is not None and self.allowed.max_downloads is None:
            return True
        return (await self._update(begins=True)).may_begin

    async def _update(self, *, begins: bool) -> Part:
        async with self._turn:
            for _ in range(_MAX_CHANGES):
                version, running = self._version or "", self._running()
                part = await self._store.share(
                    self._worker, self._lease_s, version, self.allowed, running, begins=begins
                )
                self._offset_s = part.now_s - self._clock()
                self._version = part.version
                if part.changed is None:
                    break
                self._limits = part.changed
                _log.info("the limits of all workers: %s", part.changed.model_dump_json(exclude_defaults=True))
            self._share = part.share
            self._apply(part.speed)
            return part

    def _apply(self, speed: int | None) -> None:
        rates = [max(1, rate) for rate in (self._own_speed, speed) if rate is not None]
        self._pace.change(min(rates, default=None))
