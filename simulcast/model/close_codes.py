"""WebSocket close codes, grouped by the client's reaction (RFC 6455 §7.4; 4000–4999 are the application's)."""

from enum import IntEnum
from typing import Final

MAX_REASON_BYTES: Final = 123  # RFC 6455 §5.5: a control frame carries at most 125, and two are the code


class Reconnect(IntEnum):
    """The client reconnects after its delay and recovers from its last position."""

    GOING_AWAY = 1001
    LOST = 1006  # never sent: a client sees it after an abort or a broken network
    SERVICE_RESTART = 1012
    TRY_AGAIN_LATER = 1013


class Refresh(IntEnum):
    """The client gets another token and reconnects immediately; without one it stops."""

    TOKEN_EXPIRED = 4419


class Stop(IntEnum):
    """The client must change something before it connects again."""

    UNSUPPORTED_DATA = 1003
    INVALID_TEXT = 1007
    POLICY = 1008
    TOO_BIG = 1009
    BAD_REQUEST = 4400
    BAD_TOKEN = 4401  # missing or not valid
    NOT_ALLOWED = 4403  # valid, but without the right to do that
