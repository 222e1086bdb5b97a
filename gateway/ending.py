"""What the end of a connection says about the next attempt (docs/protocol.md, "Being cut")."""

from websockets.exceptions import ConnectionClosed
from websockets.frames import Close, CloseCode

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


def ending(closed: ConnectionClosed) -> Close:
    """Code and reason of the close that counts, whichever side sent it; 1006 if none did (RFC 6455 §7.1.5).

    Ours counts too: it is the client that closes with 1009 when a message exceeds its limit.
    """
    frames = [frame for frame in (closed.rcvd, closed.sent) if frame is not None]
    for frame in frames:
        if frame.code in CHANGE_SOMETHING_FIRST:
            return frame
    return frames[0] if frames else Close(CloseCode.ABNORMAL_CLOSURE, "")
