"""Refuses requests that must not reach the routes: foreign hosts and origins, posts without JSON, tokens in a URL.

So are headers that stand there twice, of which a proxy might have judged by the other one.
"""

from collections.abc import Collection, Container
from urllib.parse import unquote_to_bytes

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from app.access.hosts import check_host
from app.access.links import take_links
from simulcast.frontend.origins import check_origin
from simulcast.model.repeated import check_unique

_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_PROBES = frozenset({"/health", "/ready"})
_TOKEN_PARAMETERS = frozenset({b"token", b"access_token"})
_SINGLE_HEADERS = frozenset({b"authorization", b"content-type", b"idempotency-key", b"origin"})  # h11 looks at others
URL_REFUSAL = "a token in a URL ends up in logs and histories: send the header Authorization: Bearer …"


class RequestFilterMiddleware:
    """ASGI middleware. A refusal is answered with its reason, also to a WebSocket handshake."""

    def __init__(self, app: ASGIApp, allowed_hosts: Container[str], allowed_origins: Collection[str] = ()) -> None:
        self._app = app
        self._allowed_hosts = allowed_hosts
        self._allowed_origins = allowed_origins

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        _merge_leading_slashes(scope)
        take_links(scope)
        status, reason = self._check(scope)
        if reason is not None:
            await JSONResponse({"detail": reason}, status)(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    def _check(self, scope: Scope) -> tuple[int, str | None]:
        """Return the status and the reason of a refusal. The front-end checks the origins of its clients itself."""
        if has_token(scope["query_string"]):
            scope["query_string"] = b""  # a server would log it
            return 400, URL_REFUSAL
        try:
            check_unique(name.decode() for name, _ in scope["headers"] if name in _SINGLE_HEADERS)
        except ValueError as error:
            return 400, f"the header {error}"
        headers = Headers(scope=scope)
        path = scope["path"].removeprefix(scope.get("root_path", ""))
        host = headers.get("host", "")
        if path not in _PROBES and (reason := check_host(host, self._allowed_hosts)):
            return 421, reason
        if scope["type"] == "websocket" or scope["method"] in _SAFE_METHODS:
            return 200, None
        if reason := check_origin(headers.get("origin"), host, scope["scheme"], self._allowed_origins):
            return 403, reason
        kind = headers.get("content-type", "").partition(";")[0].strip().lower()
        if scope["method"] == "POST" and kind != "application/json":
            return 415, f"a POST takes content-type: application/json, not {kind[:80] or 'none'!r}"
        return 200, None


def has_token(query: bytes) -> bool:
    """Return whether a parameter of the query has the name of a token's."""
    names = (unquote_to_bytes(pair.partition(b"=")[0]).lower() for pair in query.split(b"&"))
    return not _TOKEN_PARAMETERS.isdisjoint(names)


def _merge_leading_slashes(scope: Scope) -> None:
    """Let `//ws` be `/ws`: a proxy whose target ends in a slash adds one."""
    root = scope.get("root_path", "")
    path = scope["path"].removeprefix(root)
    if path.startswith("//"):
        scope["path"] = f"{root}/{path.lstrip('/')}"
