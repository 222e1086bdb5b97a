"""uvicorn's sans-I/O WebSocket protocol, which lets the endpoint write ready frames to its transport.

`handle_connect` is no public API of uvicorn: its version is pinned; tests/app/test_protocol.py fails when it changes.
Frames may be written past the protocol's own state because a server's frames depend on nothing that it keeps (RFC 6455
§5.1: a server does not mask), as long as none is written behind a close frame (§5.5.1).
"""

import asyncio
from typing import Protocol, cast

from uvicorn._types import ASGIReceiveEvent
from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.extensions.permessage_deflate import PerMessageDeflate
from websockets.http11 import Request

from app.deflate import Deflate
from app.ear import Ear, Obey
from simulcast.codes import Refresh, Stop

SCOPE_KEY = "simulcast.protocol"


class Follower(Protocol):
    """Who must know at once what becomes of the connection."""

    def paused(self) -> None: ...

    def resumed(self) -> None: ...

    def lost(self) -> None: ...


class SimulcastProtocol(WebSocketsSansIOProtocol):
    """Given to uvicorn as `--ws app.protocol:SimulcastProtocol`; puts itself into the ASGI scope."""

    follower: Follower | None = None
    _obey: Obey | None = None
    _expiry: asyncio.TimerHandle | None = None

    def expire_in(self, seconds: float) -> None:
        """The client's token holds that long: then the connection is closed with Refresh.TOKEN_EXPIRED."""
        self._expiry = self.loop.call_later(seconds, self._expire)

    def _expire(self) -> None:
        if self.close_sent or self.transport.is_closing():
            return
        if not self.writable.is_set():  # a close can't reach a full socket
            self.transport.abort()
            return
        self.conn.send_close(Refresh.TOKEN_EXPIRED, "the token has expired")
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.close_sent = True
        self.close_timer = self.loop.call_later(self.close_timeout, self.transport.abort)
        self._read_on()

    def detach(self, obey: Obey) -> None:
        """Lets the endpoint return without an end of the connection: `obey` is awaited for each text, in order.

        The endpoint's task, with a frame for each middleware, is most of the memory of a client.
        """
        self._obey = obey

    async def run_asgi(self) -> None:
        try:
            await self.app(self.scope, self.receive, self.send)
        except ClientDisconnected:
            pass
        except BaseException:
            self.logger.exception("a client's endpoint failed")
            self.send_500_response()
            self._obey = None
        if self._obey is not None and not self.disconnected:
            self._hear(self._obey)
        elif self.close_timer is None:
            self.transport.close()

    def _hear(self, obey: Obey) -> None:
        """Texts go to `obey` instead of the endpoint, beginning with those that it didn't read."""
        unread, ear = self.queue, Ear(obey, self.loop, self.tasks, self._heard)
        self.queue = cast("asyncio.Queue[ASGIReceiveEvent]", ear)
        del self.scope, self.request, self.response
        while not unread.empty():
            ear.put_nowait(unread.get_nowait())
        self._read_on()

    def _heard(self, obeyed: bool) -> None:
        if obeyed:
            self._read_on()
        else:
            self.transport.abort()

    def _read_on(self) -> None:
        """Reads again, unless something that was read is still to be obeyed."""
        if self.read_paused and isinstance(self.queue, Ear) and not self.queue.is_busy:
            self.read_paused = False
            self.transport.resume_reading()

    @property
    def deflate(self) -> Deflate | None:
        """What was negotiated for what the server sends, if anything."""
        for extension in self.conn.extensions:
            if isinstance(extension, PerMessageDeflate):
                return Deflate(extension.local_max_window_bits, extension.local_no_context_takeover)
        return None

    def handle_connect(self, event: Request) -> None:
        super().handle_connect(event)
        if self.response.status_code == 101:
            extensions = cast(dict[str, object], self.scope.setdefault("extensions", {}))
            extensions[SCOPE_KEY] = self

    def send_receive_event_to_app(self) -> None:
        data = b"".join(self.frames)
        if self.curr_msg_data_type == "text" and not _is_utf8(data):  # uvicorn's own way logs a traceback
            self.frames = []
            self.conn.send_close(Stop.INVALID_TEXT)
            self.handle_parser_exception()
            return
        self.frames = [data]
        super().send_receive_event_to_app()  # stops reading, until what was read is taken
        self._read_on()

    def write_frames(self, frames: bytes) -> None:
        """Writes if the connection still takes frames; never raises."""
        if not self.close_sent and not self.transport.is_closing():
            self.transport.write(frames)

    def pause_writing(self) -> None:
        super().pause_writing()
        if self.follower is not None:
            self.follower.paused()

    def resume_writing(self) -> None:
        super().resume_writing()
        if self.follower is not None:
            self.follower.resumed()

    def connection_lost(self, exc: Exception | None) -> None:
        # Before uvicorn's own: uvloop raises on a write to a closed transport.
        if self.follower is not None:
            self.follower.lost()
            self.follower = None
        if self._expiry is not None:
            self._expiry.cancel()
        super().connection_lost(exc)
        self._obey = None
        if isinstance(self.queue, Ear):
            self.queue = asyncio.Queue()  # nothing is put into it any more
        self.conn.parser.close()  # the last cycle: without it the collector would have to find the connection

    def keepalive_timeout(self) -> None:
        # A close frame can't reach a peer that doesn't read: abort, which clients see as 1006.
        self.stop_keepalive()
        self.close_sent = True
        self.transport.abort()


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True
