"""The client's half of a WebSocket: its messages, and what becomes of those that break the rules."""

import asyncio
from collections.abc import Callable, Coroutine
from sys import getsizeof

from websockets.exceptions import PayloadTooBig, ProtocolError
from websockets.frames import Opcode

from simulcast.frontend.fanout.frames import frame
from simulcast.frontend.transport.message_parser import MessageParser
from simulcast.frontend.transport.outgoing import CLOSE_TIMEOUT_S, FIN, WebSocketServer, WebSocketWriter
from simulcast.frontend.transport.rate_limit import MAX_QUEUED_COMMANDS, RATE_LIMITED, RateLimiter, Rejection
from simulcast.model.close_codes import Stop

MAX_WAITING_BYTES = 16 * 1024 * 1024  # of texts of all clients, beside one of each
REJECTED_CLOSE_TIMEOUT_S = 1.0  # how long a rejected client may take to read its close frame
_PROTOCOL_ERROR = 1002
TextHandler = Callable[[str], Coroutine[object, object, None]]


class WebSocketConnection(WebSocketWriter):
    """One WebSocket. An idle client has no task, no timer of its own and no buffer."""

    __slots__ = (
        *("__weakref__", "_is_deaf", "_is_handling", "_messages", "_parser", "_rate_limiter", "handler"),
        "reading_paused",
    )

    def __init__(
        self, server: WebSocketServer, transport: asyncio.Transport, on_lost: Callable[[], None] | None = None
    ) -> None:
        super().__init__(server, transport, on_lost)
        self.handler: TextHandler | None = None
        self.reading_paused = False
        self._parser: MessageParser | None = None
        self._messages: tuple[str, ...] = ()  # that wait for their handler
        self._is_handling = False
        self._rate_limiter: RateLimiter | None = None
        self._is_deaf = False  # the client's bytes are ignored

    def close(self, code: int, reason: str) -> None:
        super().close(code, reason)
        self._resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._parser = None
        if not self._is_handling:  # texts are handled to the last one
            self.handler = None  # a cycle would keep the client from being freed
            self._drop_messages()

    def _on_end(self) -> None:
        self._drop_messages()
        super()._on_end()

    def _drop_messages(self) -> None:
        self._server.waiting_bytes -= sum(map(getsizeof, self._messages))
        self._messages = ()

    def receive(self, handler: TextHandler) -> None:
        """Await `handler` for each text, in order; texts that came already have waited for it."""
        if not self.transport.is_closing():
            self.handler = handler
            self._start_handling()

    def data_received(self, data: bytes) -> None:
        if self._is_deaf:
            return
        self._heard_at = self._server.loop.time()
        if self._parser is None:
            self._parser = MessageParser(self._server.max_message_bytes, self._extensions)
        parser = self._parser
        parser.feed(data)
        try:
            while not self._is_deaf and not self.transport.is_closing() and (message := parser.read()) is not None:
                self._handle(*message)
        except ProtocolError as error:
            self._fail(_PROTOCOL_ERROR, str(error))
        except UnicodeDecodeError as error:
            self._fail(Stop.INVALID_TEXT, f"{error.reason} at position {error.start}")
        except PayloadTooBig as error:
            self._fail(Stop.TOO_BIG, str(error))
        if parser.is_empty:
            self._parser = None

    def _handle(self, opcode: Opcode, data: bytes) -> None:
        if opcode is Opcode.CLOSE:
            if not self.close_sent and self.is_open:
                self._write_close(data, CLOSE_TIMEOUT_S)
            self.transport.close()
        elif opcode is Opcode.PONG and self._ping and data == self._ping:
            self._on_answer()
        elif opcode in (Opcode.PING, Opcode.PONG):
            # A client that pings and doesn't read fills no memory.
            can_answer = self._tolerate() and self.has_room and self.is_open and not self.close_sent
            if can_answer and opcode is Opcode.PING:
                self._send(frame(FIN | Opcode.PONG, data))
        elif not self.close_sent:
            self.on_message(opcode, data)

    def on_message(self, opcode: Opcode, data: bytes) -> None:
        """Handle a text. Binary messages, and continuations, are ignored. Raises UnicodeDecodeError."""
        if not (text := data.decode() if opcode is Opcode.TEXT else ""):
            self._tolerate()
            return
        size, has_place = getsizeof(text), len(self._messages) < MAX_QUEUED_COMMANDS
        if not self._messages or (has_place and self._server.waiting_bytes + size <= MAX_WAITING_BYTES):
            self._messages += (text,)
            self._server.waiting_bytes += size
            self._start_handling()
        else:
            self._reject_message()
        if not self.reading_paused and not self.transport.is_closing():
            self.reading_paused = True
            self.transport.pause_reading()

    def _limit(self) -> RateLimiter:
        if self._rate_limiter is None:
            self._rate_limiter = RateLimiter()
        return self._rate_limiter

    def _tolerate(self) -> bool:
        """Count a message that is no text, and return whether the rate allows it; else reject it."""
        is_allowed = self._limit().allow(self._heard_at)
        if not is_allowed:
            self._reject_message()
        return is_allowed

    def _start_handling(self) -> None:
        """Handle the texts one at a time, in a task that ends with them."""
        if self._messages and self.handler is not None and not self._is_handling:
            self._is_handling = True
            self.run(self._handle_texts())

    async def _handle_texts(self) -> None:
        try:
            while self._messages:
                if wait_s := self._limit().wait_s(self._server.loop.time()):
                    await asyncio.sleep(wait_s)
                if self._messages and self.handler is not None:  # not dropped meanwhile
                    text, self._messages = self._messages[0], self._messages[1:]
                    self._server.waiting_bytes -= getsizeof(text)
                    await self.handler(text)
        finally:
            self._is_handling = False
            self._drop_messages()
            if self.transport.is_closing():
                self.handler = None
        self._resume_reading()

    def _resume_reading(self) -> None:
        """Read again, unless a message waits for its handler, or is handled."""
        is_busy = self._is_handling or self._messages
        if self.reading_paused and not is_busy and not self.transport.is_closing():
            self.reading_paused = False
            self.transport.resume_reading()

    def _reject_message(self) -> None:
        """Answer one message too many with an error, or disconnect a client that goes on in spite of it."""
        if self.close_sent or self.transport.is_closing():
            return
        rejection = self._limit().reject(self._server.loop.time())
        if rejection is Rejection.DISCONNECT:
            reason = "too many messages in spite of the error rate_limited"
            # Without waiting for the client's own close frame; its further messages are ignored.
            self._is_deaf = True
            self.send_close(Stop.POLICY, reason, REJECTED_CLOSE_TIMEOUT_S)
        elif rejection is Rejection.SEND_ERROR and self.has_room:
            self.write(RATE_LIMITED)

    def _fail(self, code: int, reason: str) -> None:
        """Close a connection whose bytes break the rules (RFC 6455 §7.1.7)."""
        self._is_deaf = True
        self.send_close(code, reason, REJECTED_CLOSE_TIMEOUT_S)
        self.transport.close()
