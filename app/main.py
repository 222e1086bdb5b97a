"""The front-end as an ASGI application: `uvicorn app.main:app`, or faster, `simulcast serve` (see app/protocol.py)."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import FastAPI
from fastapi.responses import FileResponse
from fastapi.staticfiles import StaticFiles
from starlette.middleware import Middleware

from app import api, websocket
from app.guard import Guard
from app.services import running
from app.settings import FrontEndSettings
from simulcast.logs import configure

MOST_BODY_BYTES = 64 * 1024
PAGE = Path(__file__).parent / "page"


def create_app(settings: FrontEndSettings) -> FastAPI:
    """One front-end, made from its settings."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        configure(settings.log)
        async with running(settings) as services:
            app.state.services = services
            yield

    app = FastAPI(
        title="Simulcast",
        description="Broadcasts progress events. Events come by WebSocket at /ws: see docs/protocol.md.",
        lifespan=lifespan,
        max_body_size=MOST_BODY_BYTES,
        middleware=[Middleware(Guard, allowed_hosts=frozenset(settings.allowed_hosts))],
    )
    app.include_router(api.router)
    app.include_router(websocket.router)
    app.mount("/page", StaticFiles(directory=PAGE), name="page")

    @app.get("/", include_in_schema=False)
    async def page() -> FileResponse:
        return FileResponse(
            PAGE / "index.html",
            headers={"content-security-policy": "default-src 'self'; frame-ancestors 'none'; base-uri 'none'"},
        )

    return app


app = create_app(FrontEndSettings())
