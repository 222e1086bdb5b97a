"""uvicorn's HTTP protocol, in which nobody stays without asking: a request has a time and a size in which to arrive, a
response a time in which to be read, and there are only so many connections.

Fails loudly where uvicorn changes: tests/app/server/test_http.py.
"""

import asyncio
import sys
from contextlib import suppress
from functools import partial
from typing import Any, cast

import h11
from starlette.responses import JSONResponse
from uvicorn.config import Config
from uvicorn.protocols.http.h11_impl import STATUS_PHRASES, H11Protocol
from uvicorn.server import ServerState

from app.server.connection_limits import MAX_REJECTING, ConnectionLimits
from simulcast.frontend.transport.asgi import HTTP_KEY
from simulcast.frontend.transport.websocket import SimulcastWebSocketProtocol

HEADER_TIMEOUT_S = (
    10.0  # from the connection, or from the first byte of a request on a kept one, to the end of its head
)
BODY_TIMEOUT_S = 30.0  # from the head to the end of the body
REJECTED_TIMEOUT_S = 2.0  # in which one that has come too many says what it wants, to be told so
WRITE_TIMEOUT_S = 60.0  # how long a response may wait for its reader
MAX_HEADER_BYTES = 16 * 1024
MAX_HEADERS = 100
_RETRY_AFTER_S = "5"
_PROBES = ("/health", "/ready", "/metrics")


class _Connection(h11.Connection):
    """h11 bounds a head that is incomplete; this one also bounds what has come in one piece."""

    def next_event(self) -> h11.Event | type[h11.NEED_DATA] | type[h11.PAUSED]:
        event = super().next_event()
        if isinstance(event, h11.Request):
            size = len(event.target) + sum(len(name) + len(value) + 4 for name, value in event.headers)
            if size > MAX_HEADER_BYTES or len(event.headers) > MAX_HEADERS:
                raise h11.RemoteProtocolError("the request's head is too large", error_status_hint=431)
        return event


class SimulcastHTTPProtocol(H11Protocol):
    """Given to uvicorn as `--http app.server.http:SimulcastHTTPProtocol`; puts itself into the ASGI scope's state.

    h11, because it bounds a request's head, which httptools does not.
    """

    limits: ConnectionLimits | None = None

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self.conn = _Connection(h11.SERVER, MAX_HEADER_BYTES)
        self._client = ""
        self._refusal: tuple[int, str] | None = None
        self._refusing = False
        self._awaited: object = h11.IDLE  # the state of the peer that a deadline is for
        self._deadline: asyncio.TimerHandle | None = None
        self._unread: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._count([])
        if self._refusal is not None and self.limits is not None:
            if self.limits.refusing >= MAX_REJECTING:
                transport.abort()
                return
            self._refusing = True
            self.limits.refusing += 1
        self._deadline = self.loop.call_later(
            REJECTED_TIMEOUT_S if self._refusing else HEADER_TIMEOUT_S, self._too_slow
        )

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._stop_watching()
        if self._unread is not None:
            self._unread.cancel()
        if self.limits is not None:
            self.limits.leave(self._client)
        self._release_rejection_slot()
        if self.scope is not None:
            self.scope["state"].pop(HTTP_KEY, None)  # the last cycle

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._watch()

    def _count(self, forwarded: list[bytes]) -> None:
        if self.limits is None:
            return
        self.limits.leave(self._client)
        client = self.limits.address_key(self.client[0] if self.client else None, forwarded)
        self._refusal = self.limits.enter(client, len(self.connections))
        self._client = "" if self._refusal else client

    def _should_upgrade(self) -> bool:
        """Asked once the head is complete: where there is no room, even a handshake gets a plain answer."""
        forwarded = [value for name, value in self.headers if name == b"x-forwarded-for"]
        if forwarded:
            self._count(forwarded)
        self.app = self.config.loaded_app
        # A probe asks how the process is: that is answered also when there is no room for clients.
        if self._refusal is not None and not self.scope["path"].endswith(_PROBES):
            status, why = self._refusal
            headers = {"retry-after": _RETRY_AFTER_S, "connection": "close"}
            self.app = JSONResponse({"detail": why}, status, headers)
            return False
        if super()._should_upgrade():
            return True
        cast(dict[str, object], self.scope["state"])[HTTP_KEY] = self
        return False

    def handle_websocket_upgrade(self, event: h11.Request) -> None:
        self._stop_watching()
        super().handle_websocket_upgrade(event)
        protocol = self.transport.get_protocol()
        if isinstance(protocol, SimulcastWebSocketProtocol):
            if self.limits is not None and self._client:
                protocol.on_lost = partial(self.limits.leave, self._client)
            if not protocol.handshake_initiated:  # the head was refused, and uvicorn doesn't say so
                self.transport.write(b"".join(protocol.conn.data_to_send()))
                self.transport.close()
        self._release_rejection_slot()

    def send_400_response(self, msg: str) -> None:
        """Reject bytes that are no request, or too large a one, with the status that h11 names."""
        error = sys.exception()
        status = error.error_status_hint if isinstance(error, h11.RemoteProtocolError) else 400
        self._stop_watching()
        self._say(status, str(error or msg))

    def pause_writing(self) -> None:
        super().pause_writing()
        self._unread = self.loop.call_later(WRITE_TIMEOUT_S, self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._watch()

    def timeout_keep_alive_handler(self) -> None:
        super().timeout_keep_alive_handler()
        if self.transport.get_write_buffer_size():  # bytes that the client does not read keep it open
            self._unread = self.loop.call_later(WRITE_TIMEOUT_S, self.transport.abort)

    def _release_rejection_slot(self) -> None:
        if self._refusing and self.limits is not None:
            self.limits.refusing -= 1
            self._refusing = False

    def _watch(self) -> None:
        """Sees to it that the part of a request that has begun has a deadline."""
        if self.transport.is_closing() or self.transport.get_protocol() is not self:
            return
        awaited = self.conn.their_state
        if awaited is h11.IDLE and self._deadline is None and not self.conn.trailing_data[0]:
            return  # between two requests: uvicorn's own time for a connection that is kept
        if awaited not in (h11.IDLE, h11.SEND_BODY):
            self._stop_watching()
        elif awaited is not self._awaited or self._deadline is None:
            self._stop_watching()
            self._awaited = awaited
            self._deadline = self.loop.call_later(
                HEADER_TIMEOUT_S if awaited is h11.IDLE else BODY_TIMEOUT_S, self._too_slow
            )

    def _stop_watching(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _too_slow(self) -> None:
        self._deadline = None
        if self.transport.is_closing():
            return
        if self.cycle is None and not self.conn.trailing_data[0]:
            self.transport.close()  # nothing was asked: browsers open connections before they need them
            return
        part = "head" if self._awaited is h11.IDLE else "body"
        self._say(408, f"the request's {part} did not come in time")

    def _say(self, status: int, text: str) -> None:
        """Answers in the endpoint's stead, unless that has begun to, and closes."""
        if self.cycle is not None:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            body = text.encode("ascii", "replace")
            headers = [("content-type", "text/plain; charset=utf-8"), ("content-length", str(len(body)))]
            response = h11.Response(
                status_code=status, headers=[*headers, ("connection", "close")], reason=STATUS_PHRASES[status]
            )
            with suppress(h11.LocalProtocolError):  # HEAD, whose response has no body
                for event in (response, h11.Data(data=body), h11.EndOfMessage()):
                    self.transport.write(self.conn.send(event))
        self.transport.close()
