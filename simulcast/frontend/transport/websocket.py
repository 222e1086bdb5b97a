"""uvicorn's sans-I/O WebSocket protocol, which lets the endpoint write ready frames to its transport.

`handle_connect` is no public API of uvicorn: its version is pinned; test_websocket.py fails when it changes.
Frames may be written past the protocol's own state because a server's frames depend on nothing that it keeps (RFC 6455
§5.1: a server does not mask), as long as none is written behind a close frame (§5.5.1).
"""

import asyncio
import socket
from typing import Protocol, cast

from websockets.extensions.permessage_deflate import PerMessageDeflate
from websockets.http11 import Request

from simulcast.frontend.fanout.deflate import Deflate
from simulcast.frontend.transport.detached import DetachedWebSocketProtocol

SCOPE_KEY = "simulcast.protocol"
WRITE_HIGH_WATER_BYTES = 64 * 1024  # that the kernel holds beyond what is under way to the client


class ConnectionObserver(Protocol):
    """Who must know at once what becomes of the connection."""

    def on_pause(self) -> None: ...

    def on_resume(self) -> None: ...

    def on_disconnect(self) -> None: ...


class SimulcastWebSocketProtocol(DetachedWebSocketProtocol):
    """Given to uvicorn as its WebSocket protocol; puts itself into the ASGI scope."""

    follower: ConnectionObserver | None = None

    @property
    def deflate(self) -> Deflate | None:
        """What was negotiated for what the server sends, if anything."""
        for extension in self.conn.extensions:
            if isinstance(extension, PerMessageDeflate):
                return Deflate(extension.local_max_window_bits, extension.local_no_context_takeover)
        return None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Bounds what the kernel takes for a client that doesn't read: else megabytes, each copied into cold memory."""
        super().connection_made(transport)
        found = transport.get_extra_info("socket")
        if found is not None and found.family in (socket.AF_INET, socket.AF_INET6):
            found.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, WRITE_HIGH_WATER_BYTES)

    def handle_connect(self, event: Request) -> None:
        super().handle_connect(event)
        if self.response.status_code == 101:
            extensions = cast(dict[str, object], self.scope.setdefault("extensions", {}))
            extensions[SCOPE_KEY] = self

    def write_frames(self, frames: bytes) -> None:
        """Writes if the connection still takes frames; never raises."""
        if not self.close_sent and not self.transport.is_closing():
            self.transport.write(frames)

    def pause_writing(self) -> None:
        super().pause_writing()
        if self.follower is not None:
            self.follower.on_pause()

    def resume_writing(self) -> None:
        super().resume_writing()
        if self.follower is not None:
            self.follower.on_resume()

    def connection_lost(self, exc: Exception | None) -> None:
        # Before uvicorn's own: uvloop raises on a write to a closed transport.
        if self.follower is not None:
            self.follower.on_disconnect()
            self.follower = None
        super().connection_lost(exc)

    def keepalive_timeout(self) -> None:
        # A close frame can't reach a peer that doesn't read: abort, which clients see as 1006.
        self.stop_keepalive()
        self.close_sent = True
        self.transport.abort()
