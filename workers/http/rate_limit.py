"""How fast bytes may be taken: a rate that many share, and that may change while they wait."""

import asyncio
import math
from collections.abc import Callable

_BURST_S = 0.1  # the largest burst after a silence, in seconds of the rate
RATE_POLL_S = 0.2  # how long a changed rate goes unnoticed by who waits
MIN_SLEEP_S = 0.001  # shorter waits cost more than they are worth


class BandwidthLimiter:
    """Share `bytes_per_s` among all who acquire; None for no limit. `clock` is monotonic, in seconds.

    Each acquired byte is a debt, which time pays at the rate that holds then. `acquire` waits until all debts up to its
    own are paid. So callers are served in turn, and an amount may be larger than a second's.
    """

    def __init__(self, bytes_per_s: int | None, clock: Callable[[], float]) -> None:
        self._rate = bytes_per_s
        self._clock = clock
        self._paid_at = clock()
        self._taken = 0.0
        self._paid = 0.0

    @property
    def bytes_per_s(self) -> int | None:
        return self._rate

    def change(self, bytes_per_s: int | None) -> None:
        """From now on; who waits already is served by the new rate."""
        self._pay()
        self._rate = bytes_per_s

    async def acquire(self, amount: int) -> None:
        """Returns when `amount` bytes may have been received."""
        self._pay()
        self._taken += amount
        mine = self._taken
        while (rate := self._rate) and self._paid < mine:
            await asyncio.sleep(min(max((mine - self._paid) / rate, MIN_SLEEP_S), RATE_POLL_S))
            self._pay()

    def _pay(self) -> None:
        now = self._clock()
        if self._rate is None:
            self._paid = self._taken
        else:
            most = self._taken + self._rate * _BURST_S
            self._paid = min(self._paid + (now - self._paid_at) * self._rate, most)
        self._paid_at = now


def piece_bytes(paces: tuple[BandwidthLimiter, ...]) -> int | None:
    """How much to read at once so that a slow rate doesn't come in bursts; None for all that is there."""
    slowest = min((pace.bytes_per_s or math.inf for pace in paces), default=math.inf)
    return None if slowest == math.inf else max(int(slowest * _BURST_S), 1024)
