"""Refuses what may not reach the routes: foreign hosts and origins, posts that aren't JSON, and tokens in a URL."""

from collections.abc import Container

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from app.access.hosts import host_refused, origin_refused

_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_PROBES = frozenset({"/health", "/ready"})
_STREAM = "/events"
_TOKENS = frozenset({b"token", b"access_token"})


class RequestFilterMiddleware:
    """ASGI middleware. A refusal is answered with its reason, also to a WebSocket handshake."""

    def __init__(self, app: ASGIApp, allowed_hosts: Container[str]) -> None:
        self._app = app
        self._allowed_hosts = allowed_hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        status, reason = self._refused(scope)
        if reason is not None:
            await JSONResponse({"detail": reason}, status)(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    def _refused(self, scope: Scope) -> tuple[int, str | None]:
        names = {pair.partition(b"=")[0].lower() for pair in scope["query_string"].split(b"&")}
        if names & _TOKENS:
            scope["query_string"] = b""  # a server's log would tell it
            return 400, "a token in a URL ends up in logs and histories: send the header Authorization: Bearer …"
        headers = Headers(scope=scope)
        writes = scope["type"] == "http" and scope["method"] not in _SAFE
        path = "/" + scope["path"].removeprefix(scope.get("root_path", "")).lstrip("/")
        host = headers.get("host", "")
        if path not in _PROBES and (reason := host_refused(host, self._allowed_hosts)):
            return 421, reason
        if writes or scope["type"] == "websocket" or path == _STREAM:
            reason = origin_refused(headers.get("origin"), host, scope["scheme"])
            if reason:
                return 403, reason
        if writes:
            kind = headers.get("content-type", "").partition(";")[0].strip().lower()
            if scope["method"] == "POST" and kind != "application/json":
                return 415, f"a POST takes content-type: application/json, not {kind[:80] or 'none'!r}"
        return 200, None
