"""How fast a client may send. Decides; does no I/O.

What it asks for is obeyed at a bounded rate, and waits meanwhile, so a script that asks for much and awaits the answers
is slowed down, not refused. What has no place in that wait is refused, and who goes on all the same is cut.
"""

from enum import Enum, auto

MESSAGES_PER_S = 50
BURST = 100
MAX_QUEUED_COMMANDS = 250  # messages that wait to be obeyed: five seconds' worth, less than a pong may take
MAX_REJECTED_COMMANDS = 1000  # refused beyond MESSAGES_PER_S: then the client doesn't listen to what it is told


class Refusal(Enum):
    """What becomes of a client one of whose messages was refused."""

    TELL = auto()
    SAY_NOTHING = auto()  # it was told within the last second
    CUT = auto()


class TokenBucket:
    """Takes `rate` a second, and `burst` at once (the generic cell rate algorithm). Its state is one number: when what
    it took is paid for."""

    __slots__ = ("_each_s", "_most_s")

    def __init__(self, rate: float, burst: int) -> None:
        self._each_s = 1 / rate
        self._most_s = (burst - 0.99) / rate  # a little more than burst - 1, for the sake of rounding

    def wait_s(self, paid_at: float, now: float) -> float:
        """Seconds until there is room for one; 0 where there is."""
        return max(0.0, paid_at - now - self._most_s)

    def take(self, paid_at: float, now: float) -> float:
        """The state after one more."""
        return max(paid_at, now) + self._each_s


_OBEYED = _UNASKED = TokenBucket(MESSAGES_PER_S, BURST)
_REFUSED = TokenBucket(MESSAGES_PER_S, MAX_REJECTED_COMMANDS)
_TOLD = TokenBucket(1, 1)


class RateLimiter:
    """One client's."""

    __slots__ = ("_obeyed", "_refused", "_told", "_unasked")

    def __init__(self) -> None:
        self._obeyed = self._unasked = self._refused = self._told = 0.0

    def wait_s(self, now: float) -> float:
        """Seconds until the next message may be obeyed; it counts as obeyed then."""
        wait_s = _OBEYED.wait_s(self._obeyed, now)
        self._obeyed = _OBEYED.take(self._obeyed, now)
        return wait_s

    def allow(self, now: float) -> bool:
        """Whether something that asks for nothing (a ping, a binary message) comes slowly enough to be let pass."""
        if _UNASKED.wait_s(self._unasked, now):
            return False
        self._unasked = _UNASKED.take(self._unasked, now)
        return True

    def refuse(self, now: float) -> Refusal:
        """A message was refused."""
        if _REFUSED.wait_s(self._refused, now):
            return Refusal.CUT
        self._refused = _REFUSED.take(self._refused, now)
        if _TOLD.wait_s(self._told, now):
            return Refusal.SAY_NOTHING
        self._told = _TOLD.take(self._told, now)
        return Refusal.TELL
