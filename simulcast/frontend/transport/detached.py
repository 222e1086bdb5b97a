"""uvicorn's sans-I/O WebSocket protocol, whose endpoint may return while the connection goes on to its token's end.

An endpoint that waits for what its client may say is a task with a frame for each middleware: most of the memory of an
idle client. Here the endpoint returns, and what the client says is handed over when it comes.
"""

import asyncio
from collections.abc import Callable
from typing import cast

from uvicorn._types import ASGIReceiveEvent
from uvicorn.protocols.utils import ClientDisconnected

from simulcast.frontend.transport.ear import MessageQueue, Obey
from simulcast.frontend.transport.inbound import InboundWebSocketProtocol
from simulcast.model.close_codes import Reconnect, Refresh


class DetachedWebSocketProtocol(InboundWebSocketProtocol):
    """What is overridden is no public API of uvicorn: see simulcast/frontend/transport/websocket.py."""

    left: Callable[[], None] | None = None  # called when the connection is lost

    _obey: Obey | None = None
    _expiry: asyncio.TimerHandle | None = None

    def expire_in(self, seconds: float) -> None:
        """The client's token holds that long: then the connection is closed with Refresh.TOKEN_EXPIRED."""
        self._expiry = self.loop.call_later(seconds, self.end, Refresh.TOKEN_EXPIRED, "the token has expired")

    @property
    def is_long_lived(self) -> bool:
        """Whether it stays until it is ended."""
        return self.is_open

    def close_for_restart(self) -> None:
        """This front-end is about to end: the client is to come back, to another one."""
        self.end(Reconnect.SERVICE_RESTART, "this front-end ends: reconnect")

    def end(self, code: int, reason: str) -> None:
        """Closes; a client that can't be told, or doesn't close in its turn, is cut. Harmless once closed."""
        if self.close_sent or self.transport.is_closing():
            return
        if not self.writable.is_set():  # a close can't reach a full socket
            self.transport.abort()
            return
        self.queue.put_nowait({"type": "websocket.disconnect", "code": code, "reason": reason})
        self.conn.send_close(code, reason)
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.close_sent = True
        self.close_timer = self.loop.call_later(self.close_timeout, self.transport.abort)
        self._resume_reading()

    def shutdown(self) -> None:
        """uvicorn ends all that is left, and waits for it."""
        if self.writable.is_set():
            super().shutdown()
        else:
            self.transport.abort()

    def detach(self, obey: Obey) -> None:
        """Lets the endpoint return without an end of the connection: `obey` is awaited for each text, in order."""
        self._obey = obey

    async def run_asgi(self) -> None:
        try:
            await self.app(self.scope, self.receive, self.send)
        except ClientDisconnected:
            pass
        except BaseException:
            if not self.close_sent:  # else what failed is a message behind the close
                self.logger.exception("a client's endpoint failed")
            self.send_500_response()
            self._obey = None
        if self._obey is not None and not self.disconnected:
            self._hear(self._obey)
        elif self.close_timer is None:
            self.transport.close()

    def _hear(self, obey: Obey) -> None:
        """Texts go to `obey` instead of the endpoint, beginning with those that it didn't read."""
        unread = self.queue
        ear = MessageQueue(obey, self.pace, self.loop, self.tasks, self._heard, self.close_with_error)
        self.queue = cast("asyncio.Queue[ASGIReceiveEvent]", ear)
        del self.scope, self.request, self.response
        while not unread.empty():
            ear.put_nowait(unread.get_nowait())
        self._resume_reading()

    def _heard(self, obeyed: bool) -> None:
        if obeyed:
            self._resume_reading()
        else:
            self.transport.abort()

    def _resume_reading(self) -> None:
        """Reads again, unless something that was read is still to be obeyed."""
        if self.read_paused and isinstance(self.queue, MessageQueue) and not self.queue.is_busy:
            self.read_paused = False
            self.transport.resume_reading()

    def send_receive_event_to_app(self) -> None:
        super().send_receive_event_to_app()  # stops reading, until what was read is taken
        self._resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._expiry is not None:
            self._expiry.cancel()
        if self.left is not None:
            self.left()
            self.left = None
        super().connection_lost(exc)
        self._obey = None
        if isinstance(self.queue, MessageQueue):
            self.queue = asyncio.Queue()  # nothing is put into it any more
        self.conn.parser.close()  # the last cycle: without it the collector would have to find the connection
