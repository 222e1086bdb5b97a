"""The requests of one connection that uvicorn serves: what it is not told by its public parts.

An outermost ASGI application tells how far a response is; the bytes of a request's body are counted here.
"""

import asyncio
import math
from functools import partial
from typing import Any, cast

import h11
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn import Config
from uvicorn.protocols.http.h11_impl import H11Protocol

from simulcast.frontend.transport.asgi import HTTP_KEY
from simulcast.frontend.transport.head import Head

EXCHANGE_KEY = "simulcast.exchange"  # in the scope's state
MAX_SIZE_DIGITS = 18  # of a body; Python refuses to parse thousands


class LentTransport:
    """A transport lent to uvicorn, which no longer closes it once the connection has become a WebSocket."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self.is_taken_back = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def close(self) -> None:
        if not self.is_taken_back:
            self._transport.close()


class Exchange:
    """The request that is being served, and its response, or the last ones.

    `missing_bytes`: of the body; infinity where its end is not known beforehand.
    """

    def __init__(self, transport: asyncio.Transport) -> None:
        self.transport = transport
        self.missing_bytes = 0.0
        self.has_begun = self.is_complete = False  # the response
        self.closes = False  # the connection, after the response: what comes behind the request is not known

    def begin(self, head: Head | None) -> None:
        """Begin with the next request. `head`: None where uvicorn alone understands it."""
        self.has_begun = self.is_complete = False
        size = None if head is None else head.fields.get(b"content-length", b"0")
        is_known = size is not None and size.isdigit() and len(size) <= MAX_SIZE_DIGITS
        is_known = is_known and head is not None and b"transfer-encoding" not in head.fields
        self.missing_bytes = int(size) if is_known and size is not None else math.inf
        self.closes = not is_known

    def count(self, size: int) -> None:
        """Count bytes behind the head. Further requests among them are uvicorn's alone, too."""
        self.missing_bytes -= size
        if self.missing_bytes < 0:
            self.missing_bytes, self.closes = 0, True

    @property
    def is_over(self) -> bool:
        """True where the next bytes are a new request."""
        return self.is_complete and not self.missing_bytes and not self.closes


class ExchangeMiddleware:
    """The outermost application of a server whose connections are of `Connection`."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        state: dict[str, Any] = scope.get("state") or {}
        exchange: Exchange | None = state.pop(EXCHANGE_KEY, None)
        if exchange is None:
            await self._app(scope, receive, send)
            return
        exchange.has_begun = exchange.is_complete = False
        state[HTTP_KEY] = exchange.transport
        try:
            await self._app(scope, partial(_receive, exchange, receive), partial(_send, exchange, send))
        finally:
            state.pop(HTTP_KEY, None)  # a cycle


async def _receive(exchange: Exchange, receive: Receive) -> Message:
    message = await receive()
    if not message.get("more_body", False) and exchange.missing_bytes == math.inf:
        exchange.missing_bytes = 0
    return message


async def _send(exchange: Exchange, send: Send, message: Message) -> None:
    if message["type"] == "http.response.start":
        exchange.has_begun = True
        if exchange.closes:
            message = {**message, "headers": [*message.get("headers", ()), (b"connection", b"close")]}
    await send(message)
    if message["type"] == "http.response.body" and not message.get("more_body", False):
        exchange.is_complete = True


class Requests:
    """uvicorn's protocol on one connection, and the exchange that it serves."""

    def __init__(
        self, config: Config, server_state: Any, app_state: dict[str, Any], transport: asyncio.Transport
    ) -> None:
        self.exchange = Exchange(transport)
        self._transport = LentTransport(transport)
        self._connections = server_state.connections
        self._app_state = {**app_state, EXCHANGE_KEY: self.exchange}
        self.protocol = H11Protocol(config, server_state, self._app_state)
        self.protocol.connection_made(cast(asyncio.Transport, self._transport))

    def begin(self, head: Head | None, head_bytes: bytes, rest: bytes) -> None:
        """Pass on a request's head, and what came behind it."""
        self.exchange.begin(head)
        self.exchange.count(len(rest))
        self._pass_on(head_bytes + rest)

    def go_on(self, data: bytes) -> None:
        """Pass on what comes behind the head."""
        self.exchange.count(len(data))
        self._pass_on(data)

    def _pass_on(self, data: bytes) -> None:
        try:
            self.protocol.data_received(data)
        except h11.LocalProtocolError:  # the rest of the request is none, and its response has begun
            self._transport.abort()

    def take_back(self) -> None:
        """Leave the transport to a WebSocket."""
        self._transport.is_taken_back = True
        self._connections.discard(self.protocol)
        self._app_state.clear()

    def end(self, error: Exception | None) -> None:
        """Tell uvicorn that the connection is lost."""
        self.protocol.connection_lost(error)
        self._app_state.clear()
