"""The protocol of every new connection: reads the head of each request, judges it, and opens WebSockets itself.

Every other request is served by uvicorn, which gets the bytes as they came. Heads, bodies, responses and connections
have limits of time, size and number here.
"""

import asyncio
import math
import re
from dataclasses import dataclass, field
from functools import partial
from typing import Any, ClassVar, cast

from starlette.responses import JSONResponse, PlainTextResponse, Response
from uvicorn import Config

from app.server.connection_limits import MAX_REJECTING, ConnectionLimits
from app.server.handshake_queue import HandshakeQueue
from app.server.http import Exchange, Requests
from app.server.unread import UnreadResponses
from simulcast.frontend.sse_endpoint import refusal_stream
from simulcast.frontend.transport.handshake import Handshake
from simulcast.frontend.transport.head import Head, encode_response
from simulcast.frontend.transport.outgoing import WebSocketServer
from simulcast.frontend.transport.progress import bytes_taken
from simulcast.frontend.transport.websocket import WebSocketConnection
from simulcast.frontend.transport.wheel import Wheel

HEADER_TIMEOUT_S = 10.0  # from the connection, or from the first byte of a later request, to the end of the head
BODY_TIMEOUT_S = 30.0  # from the head to the end of the body
REJECTED_TIMEOUT_S = 2.0  # how long a rejected connection may take to send its request, which gets the reason
WRITE_TIMEOUT_S = 60.0  # how long a client may take no byte of a response that waits for it
MAX_HEADER_BYTES = 16 * 1024
MAX_HEADERS = 100
_RETRY_AFTER = {"retry-after": "5"}
_PROBES = (b"/health", b"/ready", b"/metrics")
_HEAD_END = re.compile(rb"\n\r?\n")


@dataclass(eq=False, slots=True)
class ConnectionContext:
    """The parts that the connections of a server share. `server`: of the first one on."""

    limits: ConnectionLimits
    handshakes: HandshakeQueue
    connection_class: type[WebSocketConnection] = WebSocketConnection
    unread: UnreadResponses = field(default_factory=UnreadResponses)
    server: WebSocketServer | None = None


class Connection(asyncio.Protocol):
    """The HTTP protocol given to uvicorn, which makes one for each connection. A subclass has the context."""

    __slots__ = (
        *("_address_key", "_app_state", "_config", "_head", "_peer", "_read_by", "_rejecting", "_rejection"),
        *("_requests", "_server", "_server_state", "_taken", "_write_by", "slot", "transport"),
    )
    context: ClassVar[ConnectionContext]

    def __init__(
        self,
        config: Config,
        server_state: Any,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        self._config = config
        self._server_state = server_state
        self._app_state = app_state
        self._requests: Requests | None = None  # None before the first one
        self._head = b""  # of which the end has not come
        self._address_key = ""
        self._rejection: tuple[int, str] | None = None
        self._rejecting = False
        self._read_by = self._write_by = math.inf  # deadlines: of the read, of a look at `_taken`
        self._taken: int | None = None  # by the client at the last look, if there was more to take
        self.slot = 0

    # The connection

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport = cast(asyncio.Transport, transport)
        self._server_state.connections.add(self)
        if self.context.server is None:
            self.context.server = _share(self._config, self._server_state)
        self._server = self.context.server
        peer = transport.get_extra_info("peername")
        self._peer = str(peer[0]) if isinstance(peer, tuple) else None
        self._count_connection("")
        if self._rejection is not None:
            if self.context.limits.rejecting >= MAX_REJECTING:
                transport.abort()
                return
            self._rejecting = True
            self.context.limits.rejecting += 1
        self._set_read_deadline(REJECTED_TIMEOUT_S if self._rejecting else HEADER_TIMEOUT_S)

    def connection_lost(self, exc: Exception | None) -> None:
        self._server.wheel.drop(self)
        self._server.connections.discard(self)
        self.context.unread.discard(self.transport)
        self.context.limits.leave(self._address_key)
        self._release_rejection_slot()
        if self._requests is not None:
            self._requests.end(exc)

    def shutdown(self) -> None:
        """Close a connection without a request, for the server that ends."""
        self.transport.close()

    def _count_connection(self, forwarded: str) -> None:
        self.context.limits.leave(self._address_key)
        key = self.context.limits.address_key(self._peer, forwarded)
        self._rejection = self.context.limits.enter(key, len(self._server.connections))
        self._address_key = "" if self._rejection else key

    def _release_rejection_slot(self) -> None:
        if self._rejecting:
            self.context.limits.rejecting -= 1
            self._rejecting = False

    # Heads

    def data_received(self, data: bytes) -> None:
        requests = self._requests
        if requests is not None and not requests.exchange.is_over:
            requests.go_on(data)
            self._update_read_deadline(requests.exchange)
            return
        if not self._head and requests is not None:
            self._set_read_deadline(HEADER_TIMEOUT_S)
        data = self._head + data
        end = data.find(b"\r\n\r\n") + 4
        size = end if end > 3 else len(data)
        if size > MAX_HEADER_BYTES or data.count(b"\r\n", 0, size) > MAX_HEADERS + 2:
            self._respond(PlainTextResponse("the request's head is too large", 431))
        elif end > 3:
            self._head = b""
            self._judge(*Head.parse_with_key(data[:end]), data[:end], data[end:])
        elif data[0] < 0x21 or _HEAD_END.search(data) is not None:  # uvicorn says why that is no request
            self._head = b""
            self._judge(None, b"", data, b"")
        else:
            self._head = data

    def _judge(self, head: Head | None, key: bytes, data: bytes, rest: bytes) -> None:
        """Reject where there is no room, even a handshake, open a WebSocket, or let uvicorn serve the request."""
        forwarded = "" if head is None else head.get(b"x-forwarded-for")
        if forwarded:
            self._count_connection(forwarded)
        if self._rejection is None:  # a client behind a proxy, for which there is room by now
            self._release_rejection_slot()
        path = b"" if head is None else head.target.partition(b"?")[0]
        # A probe of the process gets its response even when there is no room for clients.
        if self._rejection is not None and not path.endswith(_PROBES):
            status, reason = self._rejection
            accept = None if head is None else head.get(b"accept")
            stream = refusal_stream(accept, status, reason) if path.endswith(b"/events") else None
            self._respond(stream or JSONResponse({"detail": reason}, status, _RETRY_AFTER), head)
        elif head is not None and head.is_handshake:
            if self.transport in self.context.unread:  # a WebSocket would be taken for one whose socket has room
                self._respond(JSONResponse({"detail": "read the last response before a WebSocket is opened"}, 400))
            else:
                self._open_websocket(head, key, forwarded, rest)
        else:
            if self._requests is None:
                self._server.connections.discard(self)  # uvicorn's protocol takes the place
                self._requests = Requests(self._config, self._server_state, self._app_state, self.transport)
                self._write_by = self._server.loop.time() + WRITE_TIMEOUT_S
            if head is not None:
                # Nothing else is upgraded to, and uvicorn would log each client that offers HTTP/2.
                has_upgrade = head.fields.pop(b"upgrade", None) is not None
                if has_upgrade or not data.startswith(head.method + b" " + head.target):
                    data = head.encode()
            self._requests.begin(head, data, rest)
            if self._rejecting:  # a probe, which keeps no place of those that get the reason
                self._requests.exchange.closes = True
            self._set_read_deadline(BODY_TIMEOUT_S if self._requests.exchange.missing_bytes else math.inf)

    def _open_websocket(self, head: Head, key: bytes, forwarded: str, rest: bytes) -> None:
        self._release_rejection_slot()
        self._server.wheel.drop(self)
        self._server.connections.discard(self)
        if self._requests is not None:
            self._requests.take_back()
            self._requests = None
        on_lost = partial(self.context.limits.leave, self._address_key) if self._address_key else None
        connection = self.context.connection_class(self._server, self.transport, on_lost)
        self.transport.set_protocol(connection)
        proxies = self.context.limits.proxies
        handshake = Handshake(
            connection,
            head,
            key,
            proxies.client(self._peer, forwarded),
            proxies.is_secure(self._peer, head.get(b"x-forwarded-proto")),
            self._config.ws_per_message_deflate,
            self._server_state.default_headers,
        )
        self.context.handshakes.put(handshake)
        if rest:
            connection.data_received(rest)

    def _respond(self, response: Response, head: Head | None = None) -> None:
        """Respond in place of the application, and close."""
        with_body = head is None or head.method != b"HEAD"
        self.transport.write(encode_response(response, self._server_state.default_headers, with_body))
        self.transport.close()

    # Deadlines

    def on_deadline(self, now: float) -> None:
        if now >= self._read_by and not self.transport.is_closing():
            self._time_out()
        if now >= self._write_by:
            self._look_at_reader(now)
        self._set_deadline()

    def _set_deadline(self) -> None:
        self._server.wheel.set(self, min(self._read_by, self._write_by))

    def _set_read_deadline(self, seconds: float) -> None:
        self._read_by = self._server.loop.time() + seconds
        self._set_deadline()

    def _update_read_deadline(self, exchange: Exchange) -> None:
        if exchange.is_complete and self._read_by == math.inf:  # bytes behind a response that closes the connection
            self._set_read_deadline(HEADER_TIMEOUT_S)
        elif self._read_by < math.inf and not exchange.missing_bytes and not exchange.is_complete:
            self._set_read_deadline(math.inf)  # uvicorn's own keep-alive timeout holds between two requests

    def _time_out(self) -> None:
        """End a request that is late."""
        self._read_by = math.inf
        exchange = None if self._requests is None else self._requests.exchange
        if exchange is not None and not exchange.is_over:
            if exchange.missing_bytes or exchange.is_complete:
                self._respond_late("body", exchange.has_begun)
        elif self._head:
            self._respond_late("head", False)
        else:
            self.transport.close()  # no request has begun: browsers open connections before they need them

    def _respond_late(self, part: str, has_begun: bool) -> None:
        if has_begun:
            self.transport.close()
        else:
            self._respond(PlainTextResponse(f"the request's {part} did not come in time", 408))

    def _look_at_reader(self, now: float) -> None:
        """Cut the connection where the client has taken nothing since the last look."""
        taken = bytes_taken(self.transport) if self.transport.get_write_buffer_size() else None
        if taken is not None and self._taken is not None and taken <= self._taken:
            self.transport.abort()
        self._taken, self._write_by = taken, now + WRITE_TIMEOUT_S

    def pause_writing(self) -> None:
        if self._requests is not None:
            self._requests.protocol.pause_writing()
        self._taken, self._write_by = bytes_taken(self.transport), self._server.loop.time() + WRITE_TIMEOUT_S
        self._set_deadline()
        self.context.unread.add(self.transport)

    def resume_writing(self) -> None:
        if self._requests is not None:
            self._requests.protocol.resume_writing()
        self._taken = None
        self.context.unread.discard(self.transport)


def _share(config: Config, server_state: Any) -> WebSocketServer:
    loop = asyncio.get_running_loop()
    assert config.ws_max_size is not None  # noqa: S101
    interval_s = config.ws_ping_interval or math.inf
    return WebSocketServer(
        loop, Wheel(loop), server_state.connections, server_state.tasks, config.ws_max_size, interval_s
    )
