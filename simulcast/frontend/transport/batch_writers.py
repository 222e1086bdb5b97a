"""Writers for ASGI servers without transport access, and for server-sent events: one batch at a time."""

import asyncio
from abc import ABC, abstractmethod
from contextlib import suppress

from starlette.types import Send
from starlette.websockets import WebSocket, WebSocketDisconnect

from simulcast.frontend.fanout.deflate import Deflate
from simulcast.frontend.fanout.frames import payloads
from simulcast.frontend.fanout.hub import ConnectionObserver
from simulcast.frontend.transport.progress import bytes_taken, is_gone
from simulcast.frontend.transport.sse_encoder import SSEEncoder
from simulcast.model.close_codes import Reconnect

CLOSE_TIMEOUT_S = 1.0  # how long a close frame may wait for room in the socket


class BatchWriter(ABC):
    """Sends one batch at a time, in `pump`.

    It counts as full while a batch is being sent, so it holds one batch, and later events wait in the log.
    """

    deflate: Deflate | None = None  # the server compresses
    _sent = 0

    def __init__(self) -> None:
        self._batches: list[bytes] = []
        self._wake = asyncio.Event()
        self._pumping: asyncio.Task[object] | None = None
        self.drained = asyncio.Event()
        self.drained.set()
        self.observer: ConnectionObserver | None = None
        self.closing: tuple[int, str] | None = None  # code and reason, once nothing more is to be sent

    @property
    def has_room(self) -> bool:
        return self.drained.is_set()

    @property
    def taken(self) -> int:
        """The number of messages sent."""
        return self._sent

    @property
    def is_gone(self) -> bool:
        """False where the server finds out by itself."""
        return False

    def write(self, frames: bytes) -> None:
        self._batches.append(frames)
        self._wake.set()
        self.drained.clear()
        if self.observer is not None:
            self.observer.on_pause()

    def close(self, code: int, reason: str) -> None:
        """Send nothing more after the current batch."""
        self.closing = self.closing or (code, reason)
        self._wake.set()

    def abort(self) -> None:
        """Send nothing more, and do not wait for the current batch, which the client does not read."""
        self.close(Reconnect.TRY_AGAIN_LATER, "")
        if self._pumping is not None:
            self._pumping.cancel()

    async def pump(self) -> None:
        """Send the batches until `close`, `abort`, or the client's disconnect."""
        self._pumping = asyncio.current_task()
        try:
            while self.closing is None:
                await self._wake.wait()
                self._wake.clear()
                batches, self._batches = self._batches, []
                try:
                    await self._send_batch(b"".join(batches))
                except (OSError, WebSocketDisconnect, RuntimeError):
                    return  # disconnected: servers differ in what they raise
                if not self._batches:
                    self.drained.set()
                    if self.observer is not None:
                        self.observer.on_resume()
        finally:
            self._pumping = None  # its traceback refers to this writer: a cycle would keep the client from being freed

    @abstractmethod
    async def _send_batch(self, frames: bytes) -> None: ...


class ASGIWriter(BatchWriter):
    """For servers that hand no connection over: one ASGI message for each event."""

    def __init__(self, websocket: WebSocket) -> None:
        super().__init__()
        self._websocket = websocket

    async def finish(self) -> None:
        """Close the WebSocket, unless it was the client that left."""
        if self.closing is not None:
            with suppress(OSError, WebSocketDisconnect, RuntimeError):  # among them TimeoutError
                async with asyncio.timeout(CLOSE_TIMEOUT_S):
                    await self._websocket.close(*self.closing)

    async def _send_batch(self, frames: bytes) -> None:
        for payload in payloads(frames):
            await self._websocket.send_text(payload.decode())
            self._sent += 1


class SSEWriter(BatchWriter):
    """The body of a response, as server-sent events."""

    def __init__(self, send: Send, encoder: SSEEncoder, transport: asyncio.Transport | None) -> None:
        """`transport`: None if the server gives no access to it."""
        super().__init__()
        self._send = send
        self._encoder = encoder
        self._transport = transport
        if transport is not None:
            transport.set_write_buffer_limits(0)

    @property
    def taken(self) -> int:
        """A number that rises while the client takes bytes from a full socket."""
        return self._sent if self._transport is None else bytes_taken(self._transport)

    @property
    def is_gone(self) -> bool:
        """True where the client's kernel acknowledges nothing, though the socket has room."""
        return self._transport is not None and is_gone(self._transport)

    def abort(self) -> None:
        super().abort()
        if self._transport is not None:
            self._transport.abort()

    async def finish(self) -> None:
        """End the response where the client reads it; else an end can't reach the full socket."""
        if not self.drained.is_set():
            self.abort()
            return
        with suppress(OSError):
            async with asyncio.timeout(CLOSE_TIMEOUT_S):
                await self._send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _send_batch(self, frames: bytes) -> None:
        for piece in self._encoder.encode(frames):
            await self._send({"type": "http.response.body", "body": piece, "more_body": True})
            await self._send({"type": "http.response.body", "body": b"", "more_body": True})  # returns when drained
            await asyncio.sleep(0)  # ASGI servers return immediately where the client has left
        self._sent += 1
