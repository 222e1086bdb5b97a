"""Where a client's bytes go: straight to the transport, or message by message where the server doesn't let us."""

import asyncio

from starlette.websockets import WebSocket, WebSocketDisconnect

from app.deflate import Deflate
from app.frames import payloads
from app.protocol import Follower, SimulcastProtocol
from simulcast.codes import Reconnect


class RawOutlet:
    """Ready frames, written to the connection's transport."""

    def __init__(self, protocol: SimulcastProtocol) -> None:
        self._protocol = protocol

    @property
    def drained(self) -> asyncio.Event:
        """Set while the socket has room."""
        return self._protocol.writable

    @property
    def deflate(self) -> Deflate | None:
        """How frames are compressed, if they are."""
        return self._protocol.deflate

    def write(self, frames: bytes) -> None:
        self._protocol.write_frames(frames)

    def abort(self) -> None:
        self._protocol.transport.abort()


class MessageOutlet:
    """For a server that was started without `app.protocol`: one batch at a time, sent by `pump`.

    It calls itself full while a batch is under way, so it holds one batch and what the hub would write meanwhile waits
    in the log.
    """

    deflate: Deflate | None = None  # the server sees to it

    def __init__(self, websocket: WebSocket) -> None:
        self._websocket = websocket
        self._batches: list[bytes] = []
        self._written = asyncio.Event()
        self._cut = False
        self.drained = asyncio.Event()
        self.drained.set()
        self.follower: Follower | None = None

    def write(self, frames: bytes) -> None:
        self._batches.append(frames)
        self._written.set()
        self.drained.clear()
        if self.follower is not None:
            self.follower.paused()

    def abort(self) -> None:
        self._cut = True
        self._written.set()

    async def pump(self) -> None:
        """Sends what is written until the client is gone or was cut."""
        try:
            while not self._cut:
                await self._written.wait()
                self._written.clear()
                batches, self._batches = self._batches, []
                for payload in payloads(b"".join(batches)):
                    await self._websocket.send_text(payload.decode())
                if not self._batches:
                    self.drained.set()
                    if self.follower is not None:
                        self.follower.resumed()
            await self._websocket.close(Reconnect.TRY_AGAIN_LATER)
        except (WebSocketDisconnect, RuntimeError):
            return  # gone; the endpoint's reader sees it too
