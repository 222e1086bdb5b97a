"""Writers for ASGI servers without transport access, and for server-sent events: one batch at a time."""

import asyncio
from abc import ABC, abstractmethod

from starlette.types import Send
from starlette.websockets import WebSocket, WebSocketDisconnect

from simulcast.frontend.fanout.deflate import Deflate
from simulcast.frontend.fanout.frames import payloads
from simulcast.frontend.fanout.hub import ConnectionObserver
from simulcast.frontend.transport.sse_encoder import SSEEncoder
from simulcast.model.close_codes import Reconnect


class BatchWriter(ABC):
    """Sends one batch at a time, in `pump`.

    It counts as full while a batch is being sent, so it holds one batch, and later events wait in the log.
    """

    deflate: Deflate | None = None  # the server compresses

    def __init__(self) -> None:
        self._batches: list[bytes] = []
        self._wake = asyncio.Event()
        self._ended = False
        self.drained = asyncio.Event()
        self.drained.set()
        self.observer: ConnectionObserver | None = None

    def write(self, frames: bytes) -> None:
        self._batches.append(frames)
        self._wake.set()
        self.drained.clear()
        if self.observer is not None:
            self.observer.on_pause()

    def end(self) -> None:
        """Send nothing more after the current batch."""
        self._ended = True
        self._wake.set()

    async def pump(self) -> None:
        """Send the batches until `end`."""
        while not self._ended:
            await self._wake.wait()
            self._wake.clear()
            batches, self._batches = self._batches, []
            await self._send_batch(b"".join(batches))
            if not self._batches:
                self.drained.set()
                if self.observer is not None:
                    self.observer.on_resume()

    @abstractmethod
    async def _send_batch(self, frames: bytes) -> None: ...


class ASGIWriter(BatchWriter):
    """For servers without `simulcast.frontend.transport.websocket`: one ASGI message for each event."""

    def __init__(self, websocket: WebSocket) -> None:
        super().__init__()
        self._websocket = websocket

    def abort(self) -> None:
        self.end()

    async def pump(self) -> None:
        """Send the batches until the client disconnects or is disconnected."""
        try:
            await super().pump()
            await self._websocket.close(Reconnect.TRY_AGAIN_LATER)
        except (WebSocketDisconnect, RuntimeError):
            return  # disconnected; the endpoint's reader notices too

    async def _send_batch(self, frames: bytes) -> None:
        for payload in payloads(frames):
            await self._websocket.send_text(payload.decode())


class SSEWriter(BatchWriter):
    """The body of a response, as server-sent events."""

    def __init__(self, send: Send, encoder: SSEEncoder, transport: asyncio.Transport | None) -> None:
        """`transport`: None if the server gives no access to it."""
        super().__init__()
        self._send = send
        self._encoder = encoder
        self._transport = transport

    def abort(self) -> None:
        self.end()
        if self._transport is not None:
            self._transport.abort()

    async def _send_batch(self, frames: bytes) -> None:
        await self._send({"type": "http.response.body", "body": self._encoder.encode(frames), "more_body": True})
