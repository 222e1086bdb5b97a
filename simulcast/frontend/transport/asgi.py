"""Two things beyond ASGI: the connection that a server of ours hands over in the scope, and the wait for its end."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Protocol, cast

from starlette.types import Receive, Scope

from simulcast.frontend.fanout.deflate import Deflate
from simulcast.frontend.fanout.hub import ConnectionObserver

WEBSOCKET_KEY = "simulcast.protocol"  # in the scope's extensions
HTTP_KEY = "simulcast.transport"  # in the scope's state

TextHandler = Callable[[str], Coroutine[object, object, None]]


class RawWebSocket(Protocol):
    """A WebSocket whose ready frames may be written, and whose endpoint may return while it goes on."""

    observer: ConnectionObserver | None

    @property
    def drained(self) -> asyncio.Event: ...

    @property
    def taken(self) -> int: ...

    @property
    def is_gone(self) -> bool: ...

    @property
    def deflate(self) -> Deflate | None: ...

    def write(self, frames: bytes) -> None: ...

    def close(self, code: int, reason: str) -> None: ...

    def abort(self) -> None: ...

    def expire_in(self, seconds: float) -> None: ...

    def detach(self, handle_text: TextHandler) -> None: ...


def raw_websocket(scope: Scope) -> RawWebSocket | None:
    """Return the connection of a WebSocket; None where another server accepts it."""
    return cast(RawWebSocket | None, (scope.get("extensions") or {}).get(WEBSOCKET_KEY))


def http_transport(scope: Scope) -> asyncio.Transport | None:
    """Return the transport of a request; None where another server serves it."""
    return cast(asyncio.Transport | None, (scope.get("state") or {}).get(HTTP_KEY))


async def wait_disconnected(receive: Receive) -> None:
    """Return when the client of an HTTP request has disconnected."""
    while (await receive())["type"] != "http.disconnect":
        pass
