"""The greeting of a client that speaks simulcast.v1."""

import json
from functools import lru_cache

from simulcast.frontend.fanout.frames import text_frame
from simulcast.model.position import Position

PING_INTERVAL_S = 20.0  # of the server's pings


@lru_cache(maxsize=64)  # those of a crowd are equal
def hello(channel: str, position: Position, recovered: bool) -> bytes:
    """Return the frame. `position`: the channel's. `recovered`: the client misses nothing after its own."""
    message = {
        "type": "hello",
        "channel": channel,
        "position": str(position),
        "recovered": recovered,
        "ping_interval_s": PING_INTERVAL_S,
    }
    return text_frame(json.dumps(message, separators=(",", ":")).encode())
