"""uvicorn's sans-I/O WebSocket protocol, in which what a client sends costs the others nothing.

It is bounded in size, in number and in what it leads to.
"""

import asyncio
from typing import Any

from uvicorn.config import Config
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from uvicorn.server import ServerState
from websockets.frames import Frame, Opcode
from websockets.protocol import State
from websockets.server import ServerProtocol

from simulcast.frontend.fanout.frames import text_frame
from simulcast.frontend.transport.rate_limit import BURST, MESSAGES_PER_S, RateLimiter, Refusal
from simulcast.model.close_codes import Stop
from simulcast.model.commands import InvalidCommand

CLOSE_TIMEOUT_S = 1.0  # in which a client that was told to stop may take notice
_SLICE_BYTES = 16 * 1024  # so that who floods is cut before all that came in one read has been looked at
RATE_LIMITED = text_frame(
    InvalidCommand(
        "rate_limited",
        f"a client may send {MESSAGES_PER_S} messages a second, {BURST} at once; this is one too many and not obeyed: "
        "wait for the answers, or command by REST",
    )
    .answer()
    .encode()
)


class _Connection(ServerProtocol):
    """Takes a close frame between the fragments of a message for the end, not for a mistake (RFC 6455 §5.4)."""

    def recv_frame(self, frame: Frame) -> None:
        if frame.opcode is Opcode.CLOSE:
            self.current_size = None
        super().recv_frame(frame)


class InboundWebSocketProtocol(WebSocketsSansIOProtocol):
    """What is overridden is no public API of uvicorn: see simulcast/frontend/transport/websocket.py."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        extensions, logger = self.conn.available_extensions, self.conn.logger
        self.conn = _Connection(extensions=extensions, max_size=config.ws_max_size, logger=logger)
        self.pace = RateLimiter()

    def data_received(self, data: bytes) -> None:
        for start in range(0, len(data), _SLICE_BYTES):
            if self.transport.is_closing():
                return
            super().data_received(data[start : start + _SLICE_BYTES])

    def handle_cont(self, event: Frame) -> None:
        # One buffer: of each fragment as an object of its own, a message of single bytes would take a hundred times its
        # size, and one of empty fragments would grow for ever.
        if isinstance(self.frames[0], bytearray):
            self.frames[0] += event.data
        else:
            self.frames = [bytearray(self.frames[0]) + event.data]  # type: ignore[list-item]
        if event.fin:
            self.send_receive_event_to_app()

    def send_receive_event_to_app(self) -> None:
        data = bytes(self.frames[0])
        if self.curr_msg_data_type == "text" and not _is_utf8(data):  # uvicorn's own way logs a traceback
            self.frames = []
            self.conn.send_close(Stop.INVALID_TEXT)
            self.handle_parser_exception()
            return
        self.frames = [data]
        super().send_receive_event_to_app()

    def handle_ping(self) -> None:
        """Answered where there is room: who pings and doesn't read must not fill the memory (RFC 6455 §5.5.3)."""
        pong = b"".join(self.conn.data_to_send())
        if not self.pace.allow(self.loop.time()):
            self.close_with_error()
        elif self.writable.is_set() and not self.transport.is_closing():
            self.transport.write(pong)

    def close_with_error(self) -> None:
        """A message was one too many: its client is told, or cut where it goes on in spite of that."""
        if self.close_sent or self.transport.is_closing():
            return
        refusal = self.pace.refuse(self.loop.time())
        if refusal is Refusal.CUT:
            self.abort(Stop.POLICY, "too many messages in spite of the error rate_limited")
        elif refusal is Refusal.TELL and self.handshake_complete and self.writable.is_set():
            self.transport.write(RATE_LIMITED)

    def abort(self, code: int, reason: str) -> None:
        """Closes without waiting for the client's own close; what it still sends isn't looked at."""
        self.stop_keepalive()
        self.queue.put_nowait({"type": "websocket.disconnect", "code": code, "reason": reason})
        self.conn.fail(code, reason)
        if self.writable.is_set():
            self.transport.write(b"".join(self.conn.data_to_send()))
            self.close_timer = self.loop.call_later(CLOSE_TIMEOUT_S, self.transport.abort)
        else:
            self.transport.abort()
        self.close_sent = True

    @property
    def is_open(self) -> bool:
        """Whether frames may be written and a close is still to come."""
        return self.handshake_complete and not self.close_sent and self.conn.state is State.OPEN


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True
