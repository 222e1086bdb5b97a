"""The next attempt after the end of a connection (docs/protocol.md, "Being cut")."""

import asyncio
import contextlib
import logging
import math
import random
import re
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Literal

from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.frames import Close, CloseCode

from simulcast.gateway.address import ServerAddress
from simulcast.gateway.limits import Limits
from simulcast.gateway.token import TokenSource

_logger = logging.getLogger("simulcast.gateway")

# The server will refuse again until something changes, so the client must not hammer it.
TERMINAL_CLOSE_CODES = frozenset(
    {
        CloseCode.UNSUPPORTED_DATA,  # 1003
        CloseCode.INVALID_DATA,  # 1007
        CloseCode.POLICY_VIOLATION,  # 1008
        CloseCode.MESSAGE_TOO_BIG,  # 1009
        4400,  # the service's "bad request"
        4401,  # its "bad token"
        4403,  # its "not allowed"
    }
)
TOKEN_EXPIRED = 4419
TOKEN_CLOSE_CODES = frozenset({4401, 4403, TOKEN_EXPIRED})
NEVER = math.inf
MIN_DELAY_S = 0.01  # between two attempts, whatever the delay is
"""The delay of an attempt that is not made."""

_REFUSING_STATUS = frozenset({401, 403})
_JITTER = 0.2
MAX_RETRY_AFTER_S = 3600.0
MIN_REFRESH_DELAY_S = 1.0
"""The least delay after an expired token, if the connection before expired a moment ago, too."""

_SECONDS = re.compile(r"[0-9]+", re.ASCII)


@dataclass(frozen=True, slots=True)
class ConnectionState:
    """A connection that was lost comes back by itself; one that was refused needs a change, and is tried again later.

    `error`: the reason of both, an OSError or one of websockets' exceptions; None where a callback ended it.
    `retry_s`: seconds to the next attempt; infinite where none follows.
    """

    phase: Literal["connected", "lost", "refused"]
    error: Exception | None = None
    retry_s: float = 0.0


def with_jitter(delay_s: float) -> float:
    """Return up to a fifth less or more, so that clients that were cut simultaneously come back one by one."""
    return delay_s * random.uniform(1 - _JITTER, 1 + _JITTER)  # noqa: S311


def close_of(closed: ConnectionClosed) -> Close:
    """Return the close that counts, whichever side sent it; 1006 if there was none (RFC 6455 §7.1.5).

    Ours counts too: the client closes with 1009 when a message exceeds its limit.
    """
    frames = [frame for frame in (closed.rcvd, closed.sent) if frame is not None]
    for frame in frames:
        if frame.code in TERMINAL_CLOSE_CODES:
            return frame
    return frames[0] if frames else Close(CloseCode.ABNORMAL_CLOSURE, "")


def parse_retry_after(header: str) -> float:
    """Return the seconds until the time of a Retry-After header (RFC 9110 §10.2.3), 0 to `MAX_RETRY_AFTER_S`.

    0 also for a header that makes no sense.
    """
    text = header.strip()
    if _SECONDS.fullmatch(text):
        return min(float(text), MAX_RETRY_AFTER_S)
    try:
        date = parsedate_to_datetime(text)
        delay_s = (date.replace(tzinfo=date.tzinfo or UTC) - datetime.now(UTC)).total_seconds()
    except (ValueError, TypeError, IndexError, OverflowError):
        return 0.0
    return min(max(delay_s, 0.0), MAX_RETRY_AFTER_S)


async def wait_for_attempt(now: asyncio.Event, delay_s: float) -> None:
    """Return after the delay, or when `now` is set."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(max(delay_s, MIN_DELAY_S)):
            await now.wait()


class ReconnectPolicy:
    """Decides when the next attempt follows, and logs why. A server that stays away is one warning, not many."""

    def __init__(self, address: ServerAddress, token: TokenSource, limits: Limits) -> None:
        self._address = address
        self._token = token
        self._refused_delay_s = limits.refused_delay_s
        self._last_failure = ""
        self._refreshed_at = -math.inf
        self._no_attempt_before = -math.inf

    def heed_retry_after(self, header: str) -> None:
        """Let the next attempt wait for the time of a Retry-After header."""
        delay_s = parse_retry_after(header) * random.uniform(1, 1 + _JITTER)  # noqa: S311
        self._no_attempt_before = time.monotonic() + delay_s

    def connected(self) -> None:
        """Note that an attempt succeeded: the next failure is worth a warning."""
        self._last_failure = ""

    def state_after(self, error: Exception, reconnect_delay_s: float) -> ConnectionState:
        """Return the state after an attempt or a connection that ended with `error`."""
        if isinstance(error, ConnectionClosed):
            delay_s = self._after_close(close_of(error), reconnect_delay_s)
            is_refused = delay_s == NEVER or close_of(error).code in TERMINAL_CLOSE_CODES
        else:
            delay_s = self._after_failure(error, reconnect_delay_s)
            is_refused = delay_s == NEVER
        delay_s = max(with_jitter(delay_s), self._no_attempt_before - time.monotonic())
        return ConnectionState("refused" if is_refused else "lost", error, delay_s)

    def _after_close(self, close: Close, reconnect_delay_s: float) -> float:
        end = f"the connection to {self._address} ended with {close.code} {close.reason!r}"
        if close.code in TOKEN_CLOSE_CODES and self._token.is_fixed:
            delay_s = NEVER
            _logger.error("%s; no attempt follows, since the token would be the same", end)
        elif close.code == TOKEN_EXPIRED:
            delay_s = self._refresh_delay(reconnect_delay_s)
            _logger.info("%s; the next attempt follows in %g s, with another token", end, delay_s)
        elif close.code in TERMINAL_CLOSE_CODES:
            delay_s = max(reconnect_delay_s, self._refused_delay_s)
            _logger.error("%s, which means: change something first; again in %g s", end, delay_s)
        else:
            delay_s = reconnect_delay_s
            _logger.warning("%s; again in %g s", end, delay_s)
        return delay_s

    def _refresh_delay(self, reconnect_delay_s: float) -> float:
        """Return 0, or a delay where the last new token expired immediately: another would probably do so too."""
        delay_s = max(reconnect_delay_s, MIN_REFRESH_DELAY_S)
        before, self._refreshed_at = self._refreshed_at, time.monotonic()
        return delay_s if self._refreshed_at - before < 2 * delay_s else 0.0

    def _after_failure(self, error: Exception, reconnect_delay_s: float) -> float:
        failure = str(error) or type(error).__name__
        if isinstance(error, InvalidStatus):
            for header in error.response.headers.get_all("Retry-After")[:1]:
                self.heed_retry_after(header)
        if isinstance(error, InvalidStatus) and error.response.status_code in _REFUSING_STATUS and self._token.is_fixed:
            reason = bytes(error.response.body or b"")[:300].decode(errors="replace")
            _logger.error("%s refuses the token, which stays the same: %s %s", self._address, failure, reason)
            return NEVER
        level = logging.DEBUG if failure == self._last_failure else logging.WARNING
        self._last_failure = failure
        _logger.log(level, "no connection to %s: %s; it goes on trying", self._address, failure)
        return reconnect_delay_s
