"""How fast a client may send. Decides; does no I/O.

Commands are rate-limited and queued, so a script that sends many and awaits the results is slowed down, not rejected. A
full queue rejects; a client that goes on all the same is disconnected.
"""

from enum import Enum, auto

from simulcast.frontend.fanout.frames import text_frame
from simulcast.model.commands import InvalidCommand

MESSAGES_PER_S = 50
BURST = 100
MAX_QUEUED_COMMANDS = 250  # five seconds' worth, less than a pong may take
MAX_REJECTED_COMMANDS = 1000  # beyond MESSAGES_PER_S: then the client ignores the errors that it gets
RATE_LIMITED = text_frame(
    InvalidCommand(
        "rate_limited",
        f"a client may send {MESSAGES_PER_S} messages a second, in bursts of {BURST}; this one was rejected: "
        "wait for the results, or send commands by REST",
    )
    .encode()
    .encode()
)


class Rejection(Enum):
    """The consequence of a rejected message for its client."""

    SEND_ERROR = auto()
    IGNORE = auto()  # an error was sent within the last second
    DISCONNECT = auto()


class TokenBucket:
    """Allows `rate` a second in bursts of `burst` (the generic cell rate algorithm). The state is one number: the time
    at which the bucket is full again."""

    __slots__ = ("_interval_s", "_max_ahead_s")

    def __init__(self, rate: float, burst: int) -> None:
        self._interval_s = 1 / rate
        self._max_ahead_s = (burst - 0.99) / rate  # a little more than burst - 1, against rounding errors

    def wait_s(self, full_at: float, now: float) -> float:
        """Seconds until one more is allowed; 0 if it is allowed now."""
        return max(0.0, full_at - now - self._max_ahead_s)

    def take(self, full_at: float, now: float) -> float:
        """The state after one more."""
        return max(full_at, now) + self._interval_s


_COMMANDS = _IGNORED = TokenBucket(MESSAGES_PER_S, BURST)
_REJECTED = TokenBucket(MESSAGES_PER_S, MAX_REJECTED_COMMANDS)
_ERRORS = TokenBucket(1, 1)


class RateLimiter:
    """The limits of one client."""

    __slots__ = ("_commands", "_errors", "_ignored", "_rejected")

    def __init__(self) -> None:
        self._commands = self._ignored = self._rejected = self._errors = 0.0

    def wait_s(self, now: float) -> float:
        """Count a command, and return the seconds until it may be handled."""
        wait_s = _COMMANDS.wait_s(self._commands, now)
        self._commands = _COMMANDS.take(self._commands, now)
        return wait_s

    def allow(self, now: float) -> bool:
        """Count a message that is no command (a ping, a binary message), and return whether the rate allows it."""
        if _IGNORED.wait_s(self._ignored, now):
            return False
        self._ignored = _IGNORED.take(self._ignored, now)
        return True

    def reject(self, now: float) -> Rejection:
        """Count a rejected message, and return its consequence."""
        if _REJECTED.wait_s(self._rejected, now):
            return Rejection.DISCONNECT
        self._rejected = _REJECTED.take(self._rejected, now)
        if _ERRORS.wait_s(self._errors, now):
            return Rejection.IGNORE
        self._errors = _ERRORS.take(self._errors, now)
        return Rejection.SEND_ERROR
