"""What the end of a connection says about the next attempt (docs/protocol.md, "Being cut")."""

import logging
import math
import random

from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.frames import Close, CloseCode

from simulcast.gateway.address import Address
from simulcast.gateway.limits import Limits
from simulcast.gateway.token import TokenSource

_logger = logging.getLogger("gateway")

# The server will say the same again until somebody changes something, so the client must not hammer it.
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
NEVER = math.inf
"""The delay to an attempt that is not made."""

TOKEN_CLOSE_CODES = frozenset({4401, 4403, TOKEN_EXPIRED})
_REFUSING_STATUS = frozenset({401, 403})
_JITTER = 0.2


def with_jitter(delay_s: float) -> float:
    """Up to a fifth less or more, so that those who were cut at once don't come back at once."""
    return delay_s * random.uniform(1 - _JITTER, 1 + _JITTER)  # noqa: S311


def close_of(closed: ConnectionClosed) -> Close:
    """Code and reason of the close that counts, whichever side sent it; 1006 if none did (RFC 6455 §7.1.5).

    Ours counts too: it is the client that closes with 1009 when a message exceeds its limit.
    """
    frames = [frame for frame in (closed.rcvd, closed.sent) if frame is not None]
    for frame in frames:
        if frame.code in TERMINAL_CLOSE_CODES:
            return frame
    return frames[0] if frames else Close(CloseCode.ABNORMAL_CLOSURE, "")


def delay_after(
    closed: ConnectionClosed, address: Address, token: TokenSource, reconnect_delay_s: float, limits: Limits
) -> float:
    """Seconds to the next attempt, before jitter, or NEVER. Logs what ended the connection."""
    end = close_of(closed)
    what = f"the connection to {address} ended with {end.code} {end.reason!r}"
    if end.code in TOKEN_CLOSE_CODES and token.is_fixed:
        delay_s = NEVER
        _logger.error("%s; no attempt follows, since the token would be the same", what)
    elif end.code == TOKEN_EXPIRED:
        delay_s = 0.0
        _logger.info("%s; again at once with another token", what)
    elif end.code in TERMINAL_CLOSE_CODES:
        delay_s = max(reconnect_delay_s, limits.refused_delay_s)
        _logger.error("%s, which means: change something first; again in %g s", what, delay_s)
    else:
        delay_s = reconnect_delay_s
        _logger.warning("%s; again in %g s", what, delay_s)
    return delay_s


class ReconnectBackoff:
    """Attempts that came to nothing. A server that stays away is one warning, not one every five seconds."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self._last = ""

    def forget(self) -> None:
        """An attempt succeeded: the next failure is news."""
        self._last = ""

    def delay_after(self, error: Exception, token: TokenSource, reconnect_delay_s: float) -> float:
        """Seconds to the next attempt, before jitter, or NEVER. Logs why this one failed."""
        why = str(error) or type(error).__name__
        if isinstance(error, InvalidStatus) and error.response.status_code in _REFUSING_STATUS and token.is_fixed:
            said = bytes(error.response.body or b"")[:300].decode(errors="replace")
            _logger.error("%s refuses the token, which stays the same: %s %s", self._address, why, said)
            return NEVER
        level = logging.DEBUG if why == self._last else logging.WARNING
        self._last = why
        _logger.log(level, "no connection to %s: %s; it goes on trying", self._address, why)
        return reconnect_delay_s
