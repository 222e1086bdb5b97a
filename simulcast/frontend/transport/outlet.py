"""Where a client's bytes go: straight to the transport. Where that isn't possible: batch_writers.py."""

import asyncio

from simulcast.frontend.fanout.deflate import Deflate
from simulcast.frontend.transport.websocket import SimulcastWebSocketProtocol


class TransportWriter:
    """Ready frames, written to the connection's transport."""

    def __init__(self, protocol: SimulcastWebSocketProtocol) -> None:
        self._protocol = protocol

    @property
    def drained(self) -> asyncio.Event:
        """Set while the socket has room."""
        return self._protocol.writable

    @property
    def deflate(self) -> Deflate | None:
        """How frames are compressed, if they are."""
        return self._protocol.deflate

    def write(self, frames: bytes) -> None:
        self._protocol.write_frames(frames)

    def abort(self) -> None:
        self._protocol.transport.abort()
