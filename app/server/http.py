"""uvicorn's HTTP protocol with limits: time and size of a request, time for the reading of a response, connections.

The overridden methods are no public API of uvicorn: it is pinned, and test_http.py fails when they change.
"""

import asyncio
import re
import sys
from contextlib import suppress
from functools import partial
from typing import Any, cast

import h11
from starlette.responses import JSONResponse
from uvicorn.protocols.http.h11_impl import STATUS_PHRASES, H11Protocol

from app.server.connection_limits import MAX_REJECTING, ConnectionLimits
from app.server.unread import UnreadResponses
from simulcast.frontend.sse_endpoint import refusal_stream
from simulcast.frontend.transport.asgi import HTTP_KEY
from simulcast.frontend.transport.progress import bytes_taken, cut_when_gone
from simulcast.frontend.transport.websocket import SimulcastWebSocketProtocol

HEADER_TIMEOUT_S = 10.0  # from the connection, or from the first byte of a later request, to the end of the head
BODY_TIMEOUT_S = 30.0  # from the head to the end of the body
REJECTED_TIMEOUT_S = 2.0  # how long a rejected connection may take to send its request, which gets the reason
WRITE_TIMEOUT_S = 60.0  # how long a client may take no byte of a response that waits for it
MAX_HEADER_BYTES = 16 * 1024
MAX_HEADERS = 100
_RETRY_AFTER_S = "5"
_ABSOLUTE = re.compile(rb"(?:http|ws)s?://([^/?#]+)([^#]*)", re.IGNORECASE)
_PROBES = ("/health", "/ready", "/metrics")


class _Connection(h11.Connection):
    """Bounds a head that arrives in one read, too; h11 bounds only a head that is incomplete."""

    def next_event(self) -> h11.Event | type[h11.NEED_DATA] | type[h11.PAUSED]:
        event = super().next_event()
        if isinstance(event, h11.Request):
            event = _in_origin_form(event)
            size = len(event.target) + sum(len(name) + len(value) + 4 for name, value in event.headers)
            if size > MAX_HEADER_BYTES or len(event.headers) > MAX_HEADERS:
                raise h11.RemoteProtocolError("the request's head is too large", error_status_hint=431)
        return event


def _in_origin_form(request: h11.Request) -> h11.Request:
    """Return a request with the path as its target; the authority of an absolute one takes the place of `Host`.

    RFC 9112, §3.2.2: clients send an absolute target to what they take for a proxy.
    """
    match = _ABSOLUTE.fullmatch(request.target)
    if match is None:
        return request
    headers = [(name, value) for name, value in request.headers if name != b"host"]
    target = match[2] if match[2].startswith(b"/") else b"/" + match[2]
    return h11.Request(method=request.method, target=target, headers=[(b"host", match[1]), *headers])


class SimulcastHTTPProtocol(H11Protocol):
    """The HTTP protocol given to uvicorn. Puts its transport into the state of the ASGI scope.

    It builds on h11, since httptools does not bound the head of a request.
    """

    limits: ConnectionLimits
    unread = UnreadResponses()  # of the process

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.conn = _Connection(h11.SERVER, MAX_HEADER_BYTES)
        self._address_key = ""
        self._rejection: tuple[int, str] | None = None
        self._rejecting = False
        self._deadline_state: object = h11.IDLE  # the state of the peer that the deadline is for
        self._deadline: asyncio.TimerHandle | None = None
        self._write_deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        cut_when_gone(transport)
        self._count_connection([])
        if self._rejection is not None:
            if self.limits.rejecting >= MAX_REJECTING:
                transport.abort()
                return
            self._rejecting = True
            self.limits.rejecting += 1
        self._deadline = self.loop.call_later(
            REJECTED_TIMEOUT_S if self._rejecting else HEADER_TIMEOUT_S, self._time_out
        )

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._clear_deadline()
        self.unread.discard(self.transport)
        if self._write_deadline is not None:
            self._write_deadline.cancel()
        self.limits.leave(self._address_key)
        self._release_rejection_slot()
        if self.scope is not None:
            self.scope["state"].pop(HTTP_KEY, None)  # the last cycle

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._set_deadline()

    def _count_connection(self, forwarded: list[bytes]) -> None:
        self.limits.leave(self._address_key)
        key = self.limits.address_key(self.client[0] if self.client else None, forwarded)
        self._rejection = self.limits.enter(key, len(self.connections))
        self._address_key = "" if self._rejection else key

    def _should_upgrade(self) -> bool:
        """Reject a complete head where there is no room: even a handshake gets a plain response."""
        forwarded = [value for name, value in self.headers if name == b"x-forwarded-for"]
        if forwarded:
            self._count_connection(forwarded)
        self.app = self.config.loaded_app
        # A probe of the process gets its response even when there is no room for clients.
        if self._rejection is not None and not self.scope["path"].endswith(_PROBES):
            status, reason = self._rejection
            accept = dict(self.headers).get(b"accept", b"").decode("latin-1")
            stream = refusal_stream(accept, status, reason) if self.scope["path"].endswith("/events") else None
            self.app = response = stream or JSONResponse({"detail": reason}, status, {"retry-after": _RETRY_AFTER_S})
            response.headers["connection"] = "close"
            return False
        if super()._should_upgrade():
            return True
        cast(dict[str, object], self.scope["state"])[HTTP_KEY] = self.transport
        return False

    def handle_websocket_upgrade(self, event: h11.Request) -> None:
        self._clear_deadline()
        super().handle_websocket_upgrade(event)
        protocol = self.transport.get_protocol()
        if isinstance(protocol, SimulcastWebSocketProtocol):
            if self._address_key:
                protocol.on_lost = partial(self.limits.leave, self._address_key)
            if not protocol.handshake_initiated:  # the head was refused, and uvicorn does not send the response
                self.transport.write(b"".join(protocol.conn.data_to_send()))
                self.transport.close()
        self._release_rejection_slot()

    def send_400_response(self, msg: str) -> None:
        """Reject bytes that are no request, or too large a one, with the status that h11 names."""
        error = sys.exception()
        status = error.error_status_hint if isinstance(error, h11.RemoteProtocolError) else 400
        self._clear_deadline()
        self._respond_and_close(status, str(error or msg))

    def pause_writing(self) -> None:
        super().pause_writing()
        self._await_reader()
        self.unread.add(self.transport)

    def resume_writing(self) -> None:
        super().resume_writing()
        self.unread.discard(self.transport)
        if self._write_deadline is not None:
            self._write_deadline.cancel()
            self._write_deadline = None

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._set_deadline()

    def timeout_keep_alive_handler(self) -> None:
        super().timeout_keep_alive_handler()
        if self.transport.get_write_buffer_size():  # bytes that the client does not read keep it open
            self._await_reader()

    def _await_reader(self, taken: int | None = None) -> None:
        """Cut the connection if the client takes nothing for WRITE_TIMEOUT_S. `taken`: what it had before."""
        now_taken = bytes_taken(self.transport)
        if taken is not None and now_taken <= taken:
            self.transport.abort()
        else:
            self._write_deadline = self.loop.call_later(WRITE_TIMEOUT_S, self._await_reader, now_taken)

    def _release_rejection_slot(self) -> None:
        if self._rejecting:
            self.limits.rejecting -= 1
            self._rejecting = False

    def _set_deadline(self) -> None:
        """Give the part of a request that has begun a deadline."""
        if self.transport.is_closing() or self.transport.get_protocol() is not self:
            return
        state = self.conn.their_state
        if state is h11.IDLE and self._deadline is None and not self.conn.trailing_data[0]:
            return  # between two requests, where uvicorn's own keep-alive timeout holds
        if state not in (h11.IDLE, h11.SEND_BODY):
            self._clear_deadline()
        elif state is not self._deadline_state or self._deadline is None:
            self._clear_deadline()
            self._deadline_state = state
            self._deadline = self.loop.call_later(
                HEADER_TIMEOUT_S if state is h11.IDLE else BODY_TIMEOUT_S, self._time_out
            )

    def _clear_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _time_out(self) -> None:
        self._deadline = None
        if self.transport.is_closing():
            return
        if self.cycle is None and not self.conn.trailing_data[0]:
            self.transport.close()  # no request has begun: browsers open connections before they need them
            return
        part = "head" if self._deadline_state is h11.IDLE else "body"
        self._respond_and_close(408, f"the request's {part} did not come in time")

    def _respond_and_close(self, status: int, text: str) -> None:
        """Respond in place of the endpoint, unless it has begun to, and close."""
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
