"""The log of requests, where SIMULCAST_ACCESS_LOG asks for it."""

import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from simulcast.frontend.audit import log_request


class AccessLogMiddleware:
    """ASGI middleware. Connections of WebSockets are logged where they end."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, status, size = time.monotonic(), 0, 0

        async def send_and_count(message: Message) -> None:
            nonlocal status, size
            status = message.get("status", status)
            size += len(message.get("body", b""))
            await send(message)

        try:
            await self._app(scope, receive, send_and_count)
        finally:
            log_request(scope, status, size, time.monotonic() - began)
