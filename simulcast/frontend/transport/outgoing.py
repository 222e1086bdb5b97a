"""The server's half of a WebSocket: its frames, its pings, and its end. It is the writer of its client.

Ready frames are written as they are, since a server's frames depend on nothing (RFC 6455 §5.1: a server does not
mask), as long as none follows a close frame (§5.5.1).
"""

import asyncio
import logging
import math
import secrets
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any

from websockets.extensions import Extension
from websockets.extensions.permessage_deflate import PerMessageDeflate
from websockets.frames import Close, Opcode

from simulcast.frontend.fanout.deflate import Deflate
from simulcast.frontend.fanout.frames import frame
from simulcast.frontend.fanout.hub import ConnectionObserver
from simulcast.frontend.transport.progress import bytes_taken
from simulcast.frontend.transport.wheel import Wheel
from simulcast.model.close_codes import Reconnect

MIN_DRAIN_BYTES_PER_S = 1024  # of a client whose pong comes behind data that it reads first
CLOSE_TIMEOUT_S = 10.0  # how long a client may take to close in its turn
FIN = 0x80

_log = logging.getLogger("simulcast.ws")


@dataclass(eq=False, slots=True)
class WebSocketServer:
    """The parts that the connections of a server share. `connections`, `tasks`: the server waits for them at its end.

    `ping_interval_s`: how often clients are pinged, and how long they may take to answer; infinity for never.
    `waiting_bytes`: of texts of clients that wait for their handlers.
    """

    loop: asyncio.AbstractEventLoop
    wheel: Wheel
    connections: set[Any]
    tasks: set[asyncio.Task[None]]
    max_message_bytes: int
    ping_interval_s: float
    waiting_bytes: int = 0


class WebSocketWriter(asyncio.Protocol):
    """Begins with the handshake; carries frames from `open` on."""

    __slots__ = (
        *("_drained", "_end", "_ends_at", "_extensions", "_heard_at", "_ping", "_ping_at", "_pinged_at", "_response"),
        *("_server", "_written", "_written_at_ping", "_written_at_pong", "close_sent", "deflate", "has_room"),
        *("is_open", "observer", "on_lost", "slot", "transport"),
    )
    is_gone = False  # a ping shows it

    def __init__(
        self, server: WebSocketServer, transport: asyncio.Transport, on_lost: Callable[[], None] | None = None
    ) -> None:
        self._server = server
        self.transport = transport
        self.on_lost = on_lost
        self.observer: ConnectionObserver | None = None
        self.deflate: Deflate | None = None  # the compression that was negotiated for the server's messages
        self.has_room = True  # in the socket
        self.is_open = self.close_sent = False
        self.slot = 0
        self._drained: asyncio.Event | None = None
        self._extensions: Sequence[Extension] = ()
        self._response = b""  # that accepts the handshake, until it is written
        self._ends_at = math.inf  # when it is closed, because its grant expires; once it was closed, when it is cut
        self._end = 0, ""  # the code and the reason of that close
        self._ping = b""  # the payload that the client has not returned yet
        self._ping_at = math.inf  # when the next ping is due, or the answer to the last one
        self._pinged_at = self._heard_at = 0.0
        self._written = self._written_at_ping = self._written_at_pong = 0  # bytes; `_at_pong`: at the last one answered
        server.connections.add(self)

    # The writer

    @property
    def drained(self) -> asyncio.Event:
        """Set while the socket has room, and once the connection is lost."""
        if self._drained is None:
            self._drained = asyncio.Event()
            if self.has_room:
                self._drained.set()
        return self._drained

    def write(self, frames: bytes) -> None:
        """Write if the connection still takes frames. Never raises."""
        if self.is_open and not self.close_sent and not self.transport.is_closing():
            self._written += len(frames)
            self._send(frames)

    @property
    def taken(self) -> int:
        """A number that rises while the client takes bytes from a full socket."""
        return bytes_taken(self.transport)

    def abort(self) -> None:
        """Cut the connection."""
        self.transport.abort()

    def close(self, code: int, reason: str) -> None:
        """Close, or cut a client that can't be reached or doesn't close in its turn."""
        self.send_close(code, reason, CLOSE_TIMEOUT_S)

    def _set_room(self, has_room: bool) -> None:
        self.has_room = has_room
        if self._drained is not None:
            (self._drained.set if has_room else self._drained.clear)()

    def pause_writing(self) -> None:
        self._set_room(False)
        if self.observer is not None:
            self.observer.on_pause()

    def resume_writing(self) -> None:
        self._set_room(True)
        if self.observer is not None:
            self.observer.on_resume()

    # The beginning and the end

    def open(self, response: bytes, extensions: Sequence[Extension]) -> None:
        """Accept the handshake with that response, which leaves with the first frame, or by `flush`."""
        # Writing pauses as soon as the socket takes no more, so that nothing is held here but the rest of a slice.
        self.transport.set_write_buffer_limits(0)
        self._response = response
        self._extensions = extensions
        for extension in extensions:
            if isinstance(extension, PerMessageDeflate):
                self.deflate = Deflate(extension.local_max_window_bits, extension.local_no_context_takeover)
        self.is_open = True
        self._ping_at = self._server.loop.time() + self._server.ping_interval_s
        self._set_deadline()

    def reject(self, response: bytes) -> None:
        """Refuse the handshake with that response, and close; cut a client that does not read what came before it."""
        self.transport.write(response)
        self._await_end(CLOSE_TIMEOUT_S)
        self.transport.close()

    def _send(self, data: bytes) -> None:
        """Write, and the response before it: where a client joins with events, one call of the system has both."""
        if self._response:
            data, self._response = self._response + data, b""
        self.transport.write(data)

    def flush(self) -> None:
        """Write the response that accepts the handshake, unless it was written with a frame."""
        if self._response and not self.transport.is_closing():
            self._send(b"")

    def run(self, endpoint: Coroutine[object, object, None]) -> None:
        """Run what the connection waits for, in a task of the server. An unexpected error cuts the connection."""
        task = self._server.loop.create_task(self._run(endpoint), name="websocket")
        self._server.tasks.add(task)
        task.add_done_callback(self._server.tasks.discard)

    async def _run(self, endpoint: Coroutine[object, object, None]) -> None:
        try:
            await endpoint
            self.flush()
        except Exception:
            _log.exception("a client's endpoint failed, or a message could not be handled")
            self.abort()

    def close_in(self, seconds: float, code: int, reason: str) -> None:
        """Close after so many seconds; infinity for never. Takes the place of an earlier call."""
        if not self.close_sent:
            self._ends_at = self._server.loop.time() + seconds
            self._end = code, reason
            self._set_deadline()

    def on_deadline(self, now: float) -> None:
        if self.close_sent:  # the client did not close in its turn, or did not read what came before
            self.abort()
        elif now >= self._ends_at:
            self._on_end()
        elif now >= self._ping_at:
            self._ping_at = now + self._server.ping_interval_s
            self._send_ping(now)
        self._set_deadline()

    def _on_end(self) -> None:
        self.close(*self._end)

    def _set_deadline(self) -> None:
        if not self.transport.is_closing():
            at = self._ends_at if self.close_sent else min(self._ends_at, self._ping_at)
            self._server.wheel.set(self, at)

    def _send_ping(self, now: float) -> None:
        """Ping where there is room, and cut a client that did not answer, unless it may still read what came before.

        A full socket is not pinged: it is cut when it takes nothing for too long.
        """
        if self._ping and self._heard_at <= self._pinged_at:  # some say an empty pong, whatever RFC 6455 §5.5.3 wants
            unread_s = (self._written_at_ping - self._written_at_pong) / MIN_DRAIN_BYTES_PER_S
            if now - self._pinged_at >= self._server.ping_interval_s + unread_s:
                # A close frame can't reach a peer that doesn't read: abort, which clients see as 1006.
                self.abort()
            return
        if self._ping:
            self._on_answer()
        if self.has_room:
            self._ping, self._pinged_at, self._written_at_ping = secrets.token_bytes(4), now, self._written
            self._send(frame(FIN | Opcode.PING, self._ping))

    def _on_answer(self) -> None:
        self._written_at_pong, self._ping = self._written_at_ping, b""

    def send_close(self, code: int, reason: str, timeout_s: float) -> None:
        """Send a close frame, and cut the connection after that time. Harmless once closed."""
        if self.close_sent or self.transport.is_closing():
            return
        if not self.has_room or not self.is_open:  # a close frame can't reach a full socket
            self.abort()
            return
        self._write_close(Close(code, reason).serialize(), timeout_s)

    def _write_close(self, payload: bytes, timeout_s: float) -> None:
        self._send(frame(FIN | Opcode.CLOSE, payload))
        self._await_end(timeout_s)

    def _await_end(self, timeout_s: float) -> None:
        self.close_sent = True
        self._ends_at = self._server.loop.time() + timeout_s
        self._set_deadline()

    def shutdown(self) -> None:
        """Close for the server, which ends all that is left and waits for it."""
        self.close(Reconnect.SERVICE_RESTART, "")
        self.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        # The observer first: uvloop raises on a write to a closed transport.
        if self.observer is not None:
            self.observer.on_disconnect()
            self.observer = None
        self._server.wheel.drop(self)
        self._server.connections.discard(self)
        if self.on_lost is not None:
            self.on_lost()
            self.on_lost = None
        self._set_room(True)
