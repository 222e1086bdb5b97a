"""Two things beyond ASGI: the transport that a server of ours hands over, and the wait for a client's end."""

import asyncio
from typing import cast

from starlette.types import Receive, Scope

HTTP_KEY = "simulcast.transport"  # in the scope's state


def http_transport(scope: Scope) -> asyncio.Transport | None:
    """Return the transport of a request; None where another server serves it."""
    return cast(asyncio.Transport | None, (scope.get("state") or {}).get(HTTP_KEY))


async def wait_disconnected(receive: Receive) -> None:
    """Return when the client of an HTTP request has disconnected."""
    while (await receive())["type"] != "http.disconnect":
        pass
