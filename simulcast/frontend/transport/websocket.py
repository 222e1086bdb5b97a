"""uvicorn's sans-I/O WebSocket protocol, which writes ready frames, outlives its endpoint, and bounds its input.

The overridden methods are no public API of uvicorn: it is pinned, and test_websocket.py fails when they change.

Frames may bypass the protocol's own state because a server's frames depend on nothing that it keeps (RFC 6455 §5.1: a
server does not mask), as long as none follows a close frame (§5.5.1).

An endpoint that waits for messages is a task with a frame for each middleware: most of the memory of an idle client.
Here the endpoint returns, and a handler gets each message when it comes.
"""

import asyncio
from collections.abc import Callable
from typing import Any, cast

from starlette.websockets import WebSocketDisconnect
from uvicorn._types import ASGIReceiveEvent
from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.extensions.permessage_deflate import PerMessageDeflate
from websockets.frames import Frame
from websockets.http11 import Request

from simulcast.frontend.fanout.deflate import Deflate
from simulcast.frontend.fanout.hub import ConnectionObserver
from simulcast.frontend.transport.asgi import WEBSOCKET_KEY, TextHandler
from simulcast.frontend.transport.message_queue import MessageQueue
from simulcast.frontend.transport.progress import bound_kernel_buffer, bytes_taken
from simulcast.frontend.transport.rate_limit import RATE_LIMITED, RateLimiter, Rejection
from simulcast.frontend.transport.server_protocol import LenientServerProtocol
from simulcast.model.close_codes import Refresh, Stop

MIN_DRAIN_BYTES_PER_S = 1024  # of a client whose pong comes behind data that it reads first
CLOSE_TIMEOUT_S = 1.0  # how long a rejected client may take to read its close frame
_SLICE_BYTES = 16 * 1024  # of one read: a client that floods is cut before all of it has been parsed


class SimulcastWebSocketProtocol(WebSocketsSansIOProtocol):
    """The WebSocket protocol given to uvicorn. Puts itself into the ASGI scope, and is its client's writer."""

    observer: ConnectionObserver | None = None
    is_gone = False  # a ping shows it
    on_lost: Callable[[], None] | None = None

    _handle_text: TextHandler | None = None
    _expiry: asyncio.TimerHandle | None = None
    _written = 0  # bytes of frames
    _written_at_ping = 0  # `_written` when the ping was sent
    _written_at_pong = 0  # `_written` when the last ping was sent that the client answered
    _heard_at = 0.0  # loop time, of the last bytes from the client

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        extensions, logger = self.conn.available_extensions, self.conn.logger
        self.conn.parser.close()  # without it the collector would have to find uvicorn's own
        self.conn = LenientServerProtocol(extensions=extensions, max_size=self.config.ws_max_size, logger=logger)
        self._rate_limiter = RateLimiter()

    # The writer

    @property
    def drained(self) -> asyncio.Event:
        """Set while the socket has room."""
        return self.writable

    @property
    def deflate(self) -> Deflate | None:
        """The compression that was negotiated for the server's messages, if any."""
        for extension in self.conn.extensions:
            if isinstance(extension, PerMessageDeflate):
                return Deflate(extension.local_max_window_bits, extension.local_no_context_takeover)
        return None

    def write(self, frames: bytes) -> None:
        """Write if the connection still takes frames. Never raises."""
        if not self.close_sent and not self.transport.is_closing():
            self._written += len(frames)
            self.transport.write(frames)

    @property
    def taken(self) -> int:
        """A number that rises while the client takes bytes from a full socket."""
        return bytes_taken(self.transport)

    def abort(self) -> None:
        """Cut the connection."""
        self.transport.abort()

    def pause_writing(self) -> None:
        super().pause_writing()
        if self.observer is not None:
            self.observer.on_pause()

    def resume_writing(self) -> None:
        super().resume_writing()
        if self.observer is not None:
            self.observer.on_resume()

    # The beginning and the end

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Pause writing as soon as the socket takes no more, so that nothing is held here but the rest of a slice."""
        super().connection_made(transport)
        bound_kernel_buffer(cast(asyncio.Transport, transport))

    def handle_connect(self, event: Request) -> None:
        super().handle_connect(event)
        if self.response.status_code == 101:
            extensions = cast(dict[str, object], self.scope.setdefault("extensions", {}))
            extensions[WEBSOCKET_KEY] = self

    def expire_in(self, seconds: float) -> None:
        """Close with Refresh.TOKEN_EXPIRED after so many seconds, and handle no more of the client's messages."""
        self._expiry = self.loop.call_later(seconds, self._expire)

    def _expire(self) -> None:
        if isinstance(self.queue, MessageQueue):
            self.queue.stop()
        self.close(Refresh.TOKEN_EXPIRED, "the token has expired")

    def close(self, code: int, reason: str) -> None:
        """Close, or cut a client that can't be reached or doesn't close in its turn. Harmless once closed."""
        if self.close_sent or self.transport.is_closing():
            return
        if not self.writable.is_set():  # a close frame can't reach a full socket
            self.transport.abort()
            return
        self.queue.put_nowait({"type": "websocket.disconnect", "code": code, "reason": reason})
        self.conn.send_close(code, reason)
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.close_sent = True
        self.close_timer = self.loop.call_later(self.close_timeout, self.transport.abort)
        self._resume_reading()

    def shutdown(self) -> None:
        """Close for uvicorn, which ends all that is left and waits for it."""
        if self.writable.is_set():
            super().shutdown()
        else:
            self.transport.abort()

    def send_keepalive_ping(self) -> None:
        """Ping where there is room. A full socket is not: it is cut when it takes nothing for too long."""
        if not self.writable.is_set():
            self.schedule_ping()
            return
        self._written_at_ping = self._written
        super().send_keepalive_ping()

    def handle_pong(self, event: Frame) -> None:
        if self.pending_ping_payload is not None and bytes(event.data) == self.pending_ping_payload:
            self._written_at_pong = self._written_at_ping
        super().handle_pong(event)

    def keepalive_timeout(self) -> None:
        """Cut the client, unless the pong is behind data that it may still be reading."""
        if self._heard_at > self.ping_sent_at:  # say an empty pong, though RFC 6455 §5.5.3 wants the ping's payload
            self.pong_timer = self.pending_ping_payload = None
            self._written_at_pong = self._written_at_ping
            self.schedule_ping()
            return
        unread_s = (self._written_at_ping - self._written_at_pong) / MIN_DRAIN_BYTES_PER_S
        waited_s = self.loop.time() - self.ping_sent_at
        timeout_s = cast(float, self.ping_timeout)
        if waited_s < timeout_s + unread_s:
            self.pong_timer = self.loop.call_later(timeout_s, self.keepalive_timeout)
            return
        # A close frame can't reach a peer that doesn't read: abort, which clients see as 1006.
        self.stop_keepalive()
        self.close_sent = True
        self.transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        # The observer first: uvloop raises on a write to a closed transport.
        if self.observer is not None:
            self.observer.on_disconnect()
            self.observer = None
        if self._expiry is not None:
            self._expiry.cancel()
        if self.on_lost is not None:
            self.on_lost()
            self.on_lost = None
        super().connection_lost(exc)
        self._handle_text = None
        if isinstance(self.queue, MessageQueue):
            self.queue = asyncio.Queue()  # nothing is put into it any more
        self.conn.parser.close()  # the last cycle: without it the collector would have to find the connection

    # The client's messages

    def detach(self, handle_text: TextHandler) -> None:
        """Let the endpoint return without closing: `handle_text` is awaited for each text, in order."""
        self._handle_text = None if self.disconnected else handle_text  # a cycle, which the end has to take away

    async def run_asgi(self) -> None:
        try:
            await self.app(self.scope, self.receive, self.send)
        except (ClientDisconnected, WebSocketDisconnect):
            pass
        except BaseException:
            if not self.close_sent:  # else the endpoint failed to send a message behind the close
                self.logger.exception("a client's endpoint failed")
            self.send_500_response()
            self._handle_text = None
        if self._handle_text is not None:
            self._replace_queue(self._handle_text)
            return
        cast(dict[str, object], self.scope.get("extensions", {})).pop(WEBSOCKET_KEY, None)  # a cycle
        if self.close_timer is None:
            self.transport.close()

    def _replace_queue(self, handle_text: TextHandler) -> None:
        """Send texts to the handler instead of the endpoint, beginning with those that the endpoint didn't read.

        Once the connection was closed, as where its token expired meanwhile, texts are dropped.
        """
        unread = self.queue
        messages = MessageQueue(
            handle_text, self._rate_limiter, self.loop, self.tasks, self._messages_handled, self._reject_message
        )
        self.queue = cast("asyncio.Queue[ASGIReceiveEvent]", messages)
        if self.close_sent:
            messages.stop()
        del self.scope, self.request, self.response
        while not unread.empty():
            messages.put_nowait(unread.get_nowait())
        self._resume_reading()

    def _messages_handled(self, succeeded: bool) -> None:
        if succeeded:
            self._resume_reading()
        else:
            self.transport.abort()

    def _resume_reading(self) -> None:
        """Read again, unless a message waits for its handler."""
        if self.read_paused and isinstance(self.queue, MessageQueue) and not self.queue.is_busy:
            self.read_paused = False
            self.transport.resume_reading()

    def data_received(self, data: bytes) -> None:
        self._heard_at = self.loop.time()
        for start in range(0, len(data), _SLICE_BYTES):
            if self.transport.is_closing():
                return
            super().data_received(data[start : start + _SLICE_BYTES])

    def handle_cont(self, event: Frame) -> None:
        # One buffer: as objects of their own, the fragments of a message of single bytes would take a hundred times its
        # size, and empty fragments would accumulate without end.
        if isinstance(self.frames[0], bytearray):
            self.frames[0] += event.data
        else:
            self.frames = [bytearray(self.frames[0]) + event.data]  # type: ignore[list-item]
        if event.fin:
            self.send_receive_event_to_app()

    def send_receive_event_to_app(self) -> None:
        data = bytes(self.frames[0])
        self.frames = [data]
        if self.curr_msg_data_type == "text":
            try:
                data.decode()
            except UnicodeDecodeError:  # uvicorn would log a traceback
                self.frames = []
                self.conn.send_close(Stop.INVALID_TEXT)
                self.handle_parser_exception()
                return
        super().send_receive_event_to_app()  # pauses reading until the message is taken
        self._resume_reading()

    def handle_ping(self) -> None:
        """Answer where there is room: a client that pings and doesn't read fills no memory (RFC 6455 §5.5.3)."""
        pong = b"".join(self.conn.data_to_send())
        if not self._rate_limiter.allow(self.loop.time()):
            self._reject_message()
        elif self.writable.is_set() and not self.transport.is_closing():
            self.transport.write(pong)

    def _reject_message(self) -> None:
        """Answer one message too many with an error, or disconnect a client that goes on in spite of it."""
        if self.close_sent or self.transport.is_closing():
            return
        rejection = self._rate_limiter.reject(self.loop.time())
        if rejection is Rejection.DISCONNECT:
            self._disconnect(Stop.POLICY, "too many messages in spite of the error rate_limited")
        elif rejection is Rejection.SEND_ERROR and self.handshake_complete and self.writable.is_set():
            self.transport.write(RATE_LIMITED)

    def _disconnect(self, code: int, reason: str) -> None:
        """Close without waiting for the client's own close frame; its further messages are ignored."""
        self.stop_keepalive()
        self.queue.put_nowait({"type": "websocket.disconnect", "code": code, "reason": reason})
        self.conn.fail(code, reason)
        if self.writable.is_set():
            self.transport.write(b"".join(self.conn.data_to_send()))
            self.close_timer = self.loop.call_later(CLOSE_TIMEOUT_S, self.transport.abort)
        else:
            self.transport.abort()
        self.close_sent = True
