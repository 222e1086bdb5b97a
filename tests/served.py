"""An endpoint served by our own protocols in this process, and a raw client of it."""

import asyncio
import contextlib
import socket
import sys
import weakref
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import uvicorn
from starlette.types import ASGIApp

from app.server.connection import Connection, ConnectionContext
from app.server.connection_limits import ConnectionLimits
from app.server.handshake_queue import HandshakeQueue
from app.server.http import ExchangeMiddleware
from app.server.server import prepare_listener
from simulcast.frontend.fanout.frames import text_frame
from simulcast.frontend.transport import handshake as handshakes
from simulcast.frontend.transport.handshake import Handshake
from simulcast.frontend.transport.websocket import WebSocketConnection
from tests.conditions import until
from tests.ports import free_port

REQUEST = b"GET / HTTP/1.1\r\nHost: localhost\r\n"
HANDSHAKE = (
    b"GET /ws HTTP/1.1\r\nhost: localhost\r\nupgrade: websocket\r\nconnection: Upgrade\r\n"
    b"sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nsec-websocket-version: 13\r\n"
)


UNLIMITED = ConnectionLimits(lambda: sys.maxsize, 0, ())


def refuse(handshake: Handshake) -> None:
    """Refuse every WebSocket."""
    handshake.refuse(404, "no WebSocket is served here")


@asynccontextmanager
async def served(
    app: ASGIApp,
    websockets: handshakes.Endpoint = refuse,
    connection_limits: ConnectionLimits = UNLIMITED,
    **settings: Any,
) -> AsyncIterator[uvicorn.Server]:
    """Run a server of an application and of WebSockets at `server.config.port`."""

    class ServedConnection(Connection):
        context = ConnectionContext(connection_limits, HandshakeQueue(websockets))

    config = uvicorn.Config(
        ExchangeMiddleware(app),
        port=free_port(),
        http=ServedConnection,
        ws="none",
        log_config=None,
        **{"lifespan": "off", "ws_per_message_deflate": False, **settings},
    )
    async with _running(config) as server:
        yield server


@asynccontextmanager
async def served_by_uvicorn(app: ASGIApp) -> AsyncIterator[uvicorn.Server]:
    """Run a plain uvicorn of an application, whose WebSockets are ASGI's, at `server.config.port`."""
    async with _running(uvicorn.Config(app, port=free_port(), lifespan="on", log_config=None)) as server:
        yield server


@asynccontextmanager
async def _running(config: uvicorn.Config) -> AsyncIterator[uvicorn.Server]:
    server = uvicorn.Server(config)
    listener = socket.create_server(("127.0.0.1", config.port))
    prepare_listener(listener)
    task = asyncio.create_task(server.serve([listener]))
    try:
        await until(lambda: server.started, "the start")
        yield server
    finally:
        server.should_exit = True
        async with asyncio.timeout(20):
            await task


def masked(text: str) -> bytes:
    """Return a short text message as a client sends it, masked with zeros."""
    assert len(text) < 126
    return bytes([0x81, 0x80 | len(text), 0, 0, 0, 0]) + text.encode()


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
    """An endpoint that accepts, waits for `release`, and receives. It returns each text after a turn of the loop.

    It waits for `handling` before each.
    """

    def __init__(self) -> None:
        self.release = asyncio.Event()
        self.release.set()
        self.handling = asyncio.Event()
        self.handling.set()
        self.handled: list[str] = []
        self.seen: list[weakref.ref[WebSocketConnection]] = []

    def connections(self) -> list[WebSocketConnection]:
        return [connection for seen in self.seen if (connection := seen()) is not None]

    def __call__(self, handshake: Handshake) -> None:
        connection = handshake.connection
        self.seen.append(weakref.ref(connection))
        handshake.accept(None)
        connection.run(self._receive(connection))

    async def _receive(self, connection: WebSocketConnection) -> None:
        await self.release.wait()

        async def obey(text: str) -> None:
            await asyncio.sleep(0)
            await self.handling.wait()
            self.handled.append(text)
            if text == "raise":
                raise LookupError(text)
            connection.write(text_frame(f"<{text}>".encode()))

        connection.receive(obey)
