"""Answers that pages of other origins may read (CORS: Fetch standard, §3.3)."""

from collections.abc import Collection

from starlette.datastructures import Headers
from starlette.middleware.cors import ALL_METHODS, CORSMiddleware
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp

from simulcast.frontend.origins import check_origin, is_allowed_origin

_EXPOSED = (
    *("accept-ranges", "content-disposition", "content-length", "content-range", "etag", "last-modified", "link"),
    *("location", "retry-after", "www-authenticate"),
)


class CrossOriginMiddleware(CORSMiddleware):
    """Lets the pages of `is_allowed_origin` read every answer. Cookies come along from origins that are named only."""

    def __init__(self, app: ASGIApp, allowed: Collection[str]) -> None:
        super().__init__(
            app,
            allow_origins=[origin for origin in allowed if origin == "*"],
            allow_methods=ALL_METHODS,
            allow_headers=["*"],
            allow_credentials=bool(allowed) and "*" not in allowed,
            allow_private_network=True,
            expose_headers=_EXPOSED,
        )
        self._allowed = allowed

    def is_allowed_origin(self, origin: str) -> bool:
        return is_allowed_origin(origin, self._allowed)

    def preflight_response(self, request_headers: Headers) -> Response:
        """Refuse other origins with the reason."""
        reason = check_origin(request_headers["origin"], request_headers.get("host", ""), "http", self._allowed)
        if reason is not None:
            return JSONResponse({"detail": reason}, 403, {"vary": "Origin"})
        return super().preflight_response(request_headers)
