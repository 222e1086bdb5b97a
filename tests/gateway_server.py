"""A server for tests of clients, and a record of what a client received."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import cast

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.utils import accept_key

from simulcast.gateway import Gateway


def progress_event(event_id: str) -> str:
    """Return an event as the server sends it."""
    return f'{{"event_id":"{event_id}","type":"download_progress","download_id":"1","progress":0.5,"speed":1}}'


@dataclass
class Received:
    """The arguments of both callbacks, in order."""

    messages: list[str] = field(default_factory=list)
    statuses: list[bool] = field(default_factory=list)

    def by(self, gateway: Gateway) -> "Received":
        """Record the callbacks of `gateway`."""
        gateway.on_websocket_message = self.messages.append
        gateway.on_websocket_status_change = self.statuses.append
        return self


def reserve(port: int) -> socket.socket:
    """Return a socket that is bound and does not listen: the port stays ours, and connections are refused."""
    reserved = socket.socket()
    reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    reserved.bind(("127.0.0.1", port))
    return reserved


class FakeServer:
    """A WebSocket server on a port of its own, which may be up or down.

    `snapshot` is sent to each client that comes; `refusal` is the status that it gets instead of a handshake, with the
    headers `retry_after`; `close_code` closes it behind the snapshot.
    """

    def __init__(self) -> None:
        self.snapshot: list[str] = []
        self.refusal: HTTPStatus | None = None
        self.retry_after: list[str] = []
        self.close_code: int | None = None
        self.asked: list[str] = []  # paths with queries, one a handshake
        self.received: list[str | bytes] = []
        self.clients: list[ServerConnection] = []
        self.codes: list[int | None] = []  # how connections were closed
        self._server: Server | None = None
        self._reserved = reserve(0)
        self.port: int = self._reserved.getsockname()[1]

    def gateway(self, path: str = "/ws") -> Gateway:
        """Return a client of this server that reconnects quickly."""
        return Gateway(url=f"ws://127.0.0.1:{self.port}{path}", reconnect_delay_s=0.01)

    async def go_up(self) -> None:
        self._server = await serve(
            self._attend,
            sock=self._reserved,
            process_request=self._answer,
            ping_interval=None,
        )

    async def go_down(self) -> None:
        """Close every connection with 1001, and stop listening."""
        server, self._server = self._server, None
        if server is not None:
            server.close()
            await server.wait_closed()
            self._reserved = reserve(self.port)

    async def say(self, text: str | bytes) -> None:
        """Send to every client."""
        for client in list(self.clients):
            await client.send(text)

    def cut(self) -> None:
        """End every connection without a close frame, as a broken network does."""
        for client in self.clients:
            client.transport.abort()

    async def close_with(self, code: int, reason: str = "") -> None:
        for client in list(self.clients):
            await client.close(code, reason)

    async def gone(self) -> None:
        await self.go_down()
        self._reserved.close()

    def _answer(self, connection: ServerConnection, request: Request) -> Response | None:
        if request.path.partition("?")[0].endswith("/health"):
            return self._respond(connection, self.refusal or HTTPStatus.OK)
        self.asked.append(request.path)
        return None if self.refusal is None else self._respond(connection, self.refusal)

    def _respond(self, connection: ServerConnection, status: HTTPStatus) -> Response:
        response = connection.respond(status, "")
        for value in self.retry_after:
            response.headers["Retry-After"] = value
        return response

    async def _attend(self, connection: ServerConnection) -> None:
        self.clients.append(connection)
        try:
            for text in self.snapshot:
                await connection.send(text)
            if self.close_code is not None:
                await connection.close(self.close_code)
            async for message in connection:
                self.received.append(message)
        except ConnectionClosed:
            pass
        finally:
            self.clients.remove(connection)
            self.codes.append(connection.close_code)


class RawServer(asyncio.Protocol):
    """One TCP connection's server, for what no library would do. Subclasses answer in `data_received`."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def shake_hands(self, request: bytes) -> None:
        """Complete the opening handshake (RFC 6455 §4.2.2)."""
        headers = dict(line.split(": ", 1) for line in request.decode().split("\r\n") if ": " in line)
        self.transport.write(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: " + accept_key(headers["Sec-WebSocket-Key"]).encode() + b"\r\n\r\n"
        )


@asynccontextmanager
async def raw_server(answer: Callable[[], RawServer]) -> AsyncIterator[tuple[int, list[RawServer]]]:
    """Serve each connection with an `answer()`; yield the port and the connections so far."""
    came: list[RawServer] = []

    def one() -> RawServer:
        came.append(answer())
        return came[-1]

    server = await asyncio.get_running_loop().create_server(one, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1], came
    finally:
        server.close()
        for connection in came:
            connection.transport.abort()
        await server.wait_closed()
        await asyncio.sleep(0)  # the aborted sockets close in the loop's next turn
