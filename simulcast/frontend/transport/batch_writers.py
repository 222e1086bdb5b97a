"""Outlets for where ready frames can't be written to a transport: batch by batch, each sent before the next."""

import asyncio
from abc import ABC, abstractmethod

from starlette.types import Send
from starlette.websockets import WebSocket, WebSocketDisconnect

from simulcast.frontend.fanout.deflate import Deflate
from simulcast.frontend.fanout.frames import payloads
from simulcast.frontend.transport.sse_encoder import SSEEncoder
from simulcast.frontend.transport.websocket import ConnectionObserver
from simulcast.model.close_codes import Reconnect


class BatchWriter(ABC):
    """One batch at a time, sent by `pump`.

    It calls itself full while a batch is under way, so it holds one batch and what the hub would write meanwhile waits
    in the log.
    """

    deflate: Deflate | None = None  # the server sees to it

    def __init__(self) -> None:
        self._batches: list[bytes] = []
        self._written = asyncio.Event()
        self._over = False
        self.drained = asyncio.Event()
        self.drained.set()
        self.follower: ConnectionObserver | None = None

    def write(self, frames: bytes) -> None:
        self._batches.append(frames)
        self._written.set()
        self.drained.clear()
        if self.follower is not None:
            self.follower.on_pause()

    def end(self) -> None:
        """Nothing more is sent after the batch that is under way."""
        self._over = True
        self._written.set()

    async def pump(self) -> None:
        """Sends what is written until `end`."""
        while not self._over:
            await self._written.wait()
            self._written.clear()
            batches, self._batches = self._batches, []
            await self._send_batch(b"".join(batches))
            if not self._batches:
                self.drained.set()
                if self.follower is not None:
                    self.follower.on_resume()

    @abstractmethod
    async def _send_batch(self, frames: bytes) -> None: ...


class ASGIWriter(BatchWriter):
    """For a server that was started without `simulcast.frontend.transport.websocket`: message by message."""

    def __init__(self, websocket: WebSocket) -> None:
        super().__init__()
        self._websocket = websocket

    def abort(self) -> None:
        self.end()

    async def pump(self) -> None:
        """Sends what is written until the client is gone or was cut."""
        try:
            await super().pump()
            await self._websocket.close(Reconnect.TRY_AGAIN_LATER)
        except (WebSocketDisconnect, RuntimeError):
            return  # gone; the endpoint's reader sees it too

    async def _send_batch(self, frames: bytes) -> None:
        for payload in payloads(frames):
            await self._websocket.send_text(payload.decode())


class SSEWriter(BatchWriter):
    """The body of a response, as server-sent events."""

    def __init__(self, send: Send, encoder: SSEEncoder, transport: asyncio.Transport | None) -> None:
        """`transport`: None where the server was started without `app.server.http`."""
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
