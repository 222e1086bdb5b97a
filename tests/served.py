"""An endpoint served by our own protocols in this process, and a raw client of it."""

import asyncio
import contextlib
import sys
import weakref
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import uvicorn
from starlette.types import ASGIApp

from app.server.connection_limits import ConnectionLimits
from app.server.http import SimulcastHTTPProtocol
from simulcast.frontend.fanout.frames import text_frame
from simulcast.frontend.transport.asgi import WEBSOCKET_KEY
from simulcast.frontend.transport.websocket import SimulcastWebSocketProtocol
from tests.conditions import until
from tests.ports import free_port

REQUEST = b"GET / HTTP/1.1\r\nHost: localhost\r\n"
HANDSHAKE = (
    b"GET /ws HTTP/1.1\r\nhost: localhost\r\nupgrade: websocket\r\nconnection: Upgrade\r\n"
    b"sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nsec-websocket-version: 13\r\n"
)


class UnlimitedHTTP(SimulcastHTTPProtocol):
    """Rejects no connection."""

    limits = ConnectionLimits(lambda: sys.maxsize, 0, ())


@asynccontextmanager
async def served(
    endpoint: ASGIApp, http: type[SimulcastHTTPProtocol] = UnlimitedHTTP, **settings: Any
) -> AsyncIterator[uvicorn.Server]:
    """Run a server of the endpoint at `server.config.port`."""
    config = uvicorn.Config(
        endpoint,
        port=free_port(),
        http=http,
        ws=SimulcastWebSocketProtocol,
        lifespan="off",
        log_config=None,
        **settings,
    )
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve())
    await until(lambda: server.started, "the start")
    try:
        yield server
    finally:
        server.should_exit = True
        await task


async def rest(server: uvicorn.Server, *parts: bytes) -> bytes:
    """Send `parts` and nothing more; return all that the server sends until it closes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.config.port)
    try:
        async with asyncio.timeout(20):
            for part in parts:
                writer.write(part)
                await writer.drain()
                await asyncio.sleep(0)
            with contextlib.suppress(ConnectionError):
                return await reader.read()
            return b""
    finally:
        writer.close()


async def hello(scope: Any, receive: Any, send: Any) -> None:
    """Read the body, then respond with hello."""
    while (message := await receive())["type"] == "http.request" and message["more_body"]:
        pass
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"5")]})
    await send({"type": "http.response.body", "body": b"hello"})


class Endpoint:
    """An endpoint that accepts, waits for `release`, and detaches. It returns each text after a turn of the loop.

    It waits for `handling` before each.
    """

    def __init__(self) -> None:
        self.release = asyncio.Event()
        self.release.set()
        self.handling = asyncio.Event()
        self.handling.set()
        self.handled: list[str] = []
        self.seen: list[weakref.ref[SimulcastWebSocketProtocol]] = []
        self.parts: list[weakref.ref[object]] = []

    def protocols(self) -> list[SimulcastWebSocketProtocol]:
        return [protocol for seen in self.seen if (protocol := seen()) is not None]

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        protocol: SimulcastWebSocketProtocol = scope["extensions"][WEBSOCKET_KEY]
        self.seen.append(weakref.ref(protocol))
        self.parts.append(weakref.ref(protocol.conn))
        await receive()
        await send({"type": "websocket.accept"})
        await self.release.wait()

        async def obey(text: str) -> None:
            await asyncio.sleep(0)
            await self.handling.wait()
            self.handled.append(text)
            if text == "raise":
                raise LookupError(text)
            protocol.write(text_frame(f"<{text}>".encode()))

        protocol.detach(obey)
