"""The front-end as an ASGI application: `uvicorn app.main:app`, or faster, `simulcast serve`."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse
from fastapi.staticfiles import StaticFiles
from starlette.middleware import Middleware
from starlette.responses import Response
from starlette.staticfiles import PathLike
from starlette.types import Scope

import simulcast.gateway
from app.access.csp import content_security_policy
from app.access.middleware import RequestFilterMiddleware
from app.access.tokens import TokenVerifier
from app.heartbeat import NO_ENDPOINT, Endpoint
from app.routes import downloads, files, sse, websocket
from app.routes.docs import add_description, add_manual
from app.routes.errors import validation_error_handler
from app.routes.file_store import Folder
from app.services import services_lifespan
from simulcast.logs import configure
from simulcast.settings.front_end import FrontEndSettings

MAX_BODY_BYTES = 72 * 1024  # an event has at most 64 KiB, and one beyond that is to be refused by name
PAGE = Path(__file__).parent / "page"
GATEWAY = Path(simulcast.gateway.__file__).parent
_GATEWAY_PARTS = {f"gateway_{part}.js" for part in ("address", "delay", "position", "sse")}
GATEWAY_FILES = frozenset({"gateway.js", "gateway.d.ts", *_GATEWAY_PARTS})
PAGE_FILES = frozenset({".html", ".css", ".js", ".svg"})  # nothing else in that folder, such as __init__.py


class RevalidatedStaticFiles(StaticFiles):
    """Files that browsers revalidate each time, so that an upgrade never mixes old modules with new ones.

    The client for browsers is served next to the page's own modules.
    """

    def lookup_path(self, path: str) -> tuple[str, os.stat_result | None]:
        if path in GATEWAY_FILES:
            return str(GATEWAY / path), (GATEWAY / path).stat()
        return super().lookup_path(path) if Path(path).suffix in PAGE_FILES else ("", None)

    def file_response(
        self, full_path: PathLike, stat_result: os.stat_result, scope: Scope, status_code: int = 200
    ) -> Response:
        response = super().file_response(full_path, stat_result, scope, status_code)
        response.headers["cache-control"] = "no-cache"
        return response


def create_app(settings: FrontEndSettings, place: Endpoint = NO_ENDPOINT) -> FastAPI:
    """One front-end, made from its settings. Raises SettingRefused for a token's key that makes no sense."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        configure(settings.log)
        async with services_lifespan(settings, place) as services:
            app.state.services = services
            yield

    app = FastAPI(
        title="Simulcast",
        description="Broadcasts progress events. Events come by WebSocket at /ws, or at /events: see docs/protocol.md.",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        max_body_size=MAX_BODY_BYTES,
        exception_handlers={RequestValidationError: validation_error_handler},
        middleware=[Middleware(RequestFilterMiddleware, allowed_hosts=frozenset(settings.allowed_hosts))],
    )
    app.state.tokens = TokenVerifier.of(settings)
    app.state.files = Folder(Path(settings.files_dir)) if settings.files_dir else None
    app.include_router(downloads.router)
    app.include_router(websocket.router)
    app.include_router(sse.router)
    app.include_router(files.router)
    add_description(app)
    app.mount("/page", RevalidatedStaticFiles(directory=PAGE), name="page")

    features = {"files": app.state.files is not None, "tokens": app.state.tokens is not None, "manual": add_manual(app)}
    attributes = "".join(f" data-{name}" for name, is_on in features.items() if is_on)
    index = (PAGE / "index.html").read_text(encoding="utf-8").replace("<html", f"<html{attributes}", 1)

    headers = {"content-security-policy": content_security_policy(index), "cache-control": "no-cache"}

    @app.get("/", include_in_schema=False)
    async def page() -> HTMLResponse:
        return HTMLResponse(index, headers=headers)

    return app


app = create_app(FrontEndSettings.from_environment())
