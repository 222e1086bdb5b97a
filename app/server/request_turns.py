"""How fast requests of a crowd are answered: one in a turn of the loop, so that events wait for one of them at most."""

import asyncio

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from simulcast.frontend.services import RETRY_AFTER
from simulcast.turns import turns_of_loop

MAX_WAITING = 2000  # requests, of some KiB each
TURN_TIMEOUT_S = 10.0
_READING = frozenset({"GET", "HEAD"})
_AT_ONCE = ("/health", "/ready", "/events")  # probes, and streams, whose clients other places limit


class RequestTurnsMiddleware:
    """ASGI middleware. Requests that read wait for their turn; a request that can't wait gets 503 and Retry-After.

    Requests that write do not wait for those that read.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        waits = scope["type"] == "http" and scope["method"] in _READING and not scope["path"].endswith(_AT_ONCE)
        if waits and not await self._has_turn():
            reason = "too many requests are waiting: try again in 2 s"
            await JSONResponse({"detail": reason}, 503, RETRY_AFTER)(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _has_turn(self) -> bool:
        turns = turns_of_loop()
        if turns.waiting >= MAX_WAITING:
            return False
        try:
            async with asyncio.timeout(TURN_TIMEOUT_S):
                await turns.take()
        except TimeoutError:
            return False
        return True
