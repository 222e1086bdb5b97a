"""What the end of a connection says about the next attempt (docs/protocol.md, "Being cut")."""

import logging
import random

from websockets.exceptions import ConnectionClosed
from websockets.frames import Close, CloseCode

from gateway.address import Address

_logger = logging.getLogger("gateway")

# The server will say the same again until somebody changes something, so the client must not hammer it.
CHANGE_SOMETHING_FIRST = frozenset(
    {
        CloseCode.UNSUPPORTED_DATA,  # 1003
        CloseCode.INVALID_DATA,  # 1007
        CloseCode.POLICY_VIOLATION,  # 1008
        CloseCode.MESSAGE_TOO_BIG,  # 1009
        4400,  # the service's "bad request"
    }
)


_JITTER = 0.2


def jittered(delay_s: float) -> float:
    """Up to a fifth less or more, so that those who were cut at once don't come back at once."""
    return delay_s * random.uniform(1 - _JITTER, 1 + _JITTER)  # noqa: S311


def ending(closed: ConnectionClosed) -> Close:
    """Code and reason of the close that counts, whichever side sent it; 1006 if none did (RFC 6455 §7.1.5).

    Ours counts too: it is the client that closes with 1009 when a message exceeds its limit.
    """
    frames = [frame for frame in (closed.rcvd, closed.sent) if frame is not None]
    for frame in frames:
        if frame.code in CHANGE_SOMETHING_FIRST:
            return frame
    return frames[0] if frames else Close(CloseCode.ABNORMAL_CLOSURE, "")


def delay_after(closed: ConnectionClosed, address: Address, reconnect_delay_s: float, refused_delay_s: float) -> float:
    """Seconds to the next attempt, before jitter. Logs what ended the connection."""
    end = ending(closed)
    what = f"the connection to {address} ended with {end.code} {end.reason!r}"
    if end.code in CHANGE_SOMETHING_FIRST:
        delay_s = max(reconnect_delay_s, refused_delay_s)
        _logger.error("%s, which means: change something first; again in %g s", what, delay_s)
    else:
        delay_s = reconnect_delay_s
        _logger.warning("%s; again in %g s", what, delay_s)
    return delay_s
