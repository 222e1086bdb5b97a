"""The front-end as an ASGI application: `uvicorn app.main:app`, or faster, `simulcast serve`."""

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from fastapi import Depends, FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.middleware import Middleware
from starlette.websockets import WebSocket

from app.access.access_log import AccessLogMiddleware
from app.access.cors import CrossOriginMiddleware
from app.access.middleware import RequestFilterMiddleware
from app.access.permissions import client_authorizer
from app.access.tokens import TokenVerifier
from app.routes import channels, downloads, files, jobs, limits, publish, revocations, status
from app.routes.asyncapi import add_asyncapi
from app.routes.bodies import check_query
from app.routes.docs import add_description, add_manual
from app.routes.errors import unavailable_handler, validation_error_handler
from app.routes.file_store import Folder
from app.routes.openapi import complete_openapi
from app.routes.page import add_page
from app.server.request_turns import RequestTurnsMiddleware
from simulcast import tracing
from simulcast.errors import BrokerUnavailable
from simulcast.frontend import FrontEnd
from simulcast.frontend.heartbeat import NO_ENDPOINT, Endpoint
from simulcast.frontend.routes import openapi_errors
from simulcast.frontend.websocket_endpoint import refuse
from simulcast.logs import configure
from simulcast.settings.front_end import FrontEndSettings

MAX_BODY_BYTES = 72 * 1024  # an event has at most 64 KiB, and a larger one gets an error that says so


def create_app(settings: FrontEndSettings, endpoint: Endpoint = NO_ENDPOINT) -> FastAPI:
    """Return one front-end, made from its settings. Raises SettingRefused for a token's key that is not valid.

    Spans are enabled for the whole process.
    """
    tracing.configure(settings.tracing_url, "front-end")
    tokens = TokenVerifier.from_settings(settings)
    files_dir = Path(settings.files_dir) if settings.files_dir else None
    front_end = FrontEnd(
        settings.redis_url,
        authorize=client_authorizer(tokens) if tokens else None,
        allowed_origins=settings.allowed_origins,
        schemes=settings.download_schemes,
        files_dir=files_dir,
        latency_first=settings.latency_first,
        max_clients=None,  # the server limits connections
        drain_s=settings.drain_s,
        endpoint=endpoint,
        on_failure=_stop_process,
        is_revoked=tokens.revocations.revokes if tokens else lambda _: False,
    )

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        configure("front-end", settings.log, settings.log_format, access_log=settings.access_log)
        async with AsyncExitStack() as running:
            running.push_async_callback(asyncio.to_thread, tracing.shutdown)
            await running.enter_async_context(front_end.lifespan(app))
            if tokens is not None:
                await running.enter_async_context(tokens.keys.kept_fresh())
                await running.enter_async_context(tokens.revocations.watching(front_end))
            yield

    app = FastAPI(
        title="Simulcast",
        description="Broadcasts progress events. Events come by WebSocket at /ws, or at /events: see docs/protocol.md. "
        "For machines: [AsyncAPI](asyncapi.json), [JSON Schema of the messages](messages.schema.json).",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        max_body_size=MAX_BODY_BYTES,
        exception_handlers={
            RequestValidationError: validation_error_handler,
            BrokerUnavailable: unavailable_handler,
        },
        middleware=[
            *([Middleware(AccessLogMiddleware)] if settings.access_log else []),
            Middleware(CrossOriginMiddleware, allowed=settings.allowed_origins),
            Middleware(
                RequestFilterMiddleware,
                allowed_hosts=frozenset(settings.allowed_hosts),
                allowed_origins=settings.allowed_origins,
            ),
            Middleware(RequestTurnsMiddleware),
        ],
    )
    app.state.front_end = front_end
    app.state.tokens = tokens
    app.state.files = Folder(files_dir) if files_dir else None
    for routes in (downloads, jobs, publish, channels, revocations, limits, status, files):
        app.include_router(routes.router, dependencies=[Depends(check_query)])
    app.include_router(front_end.router, responses=openapi_errors(400, 421))
    app.add_api_websocket_route("/{path:path}", refuse_path)
    add_description(app)
    complete_openapi(app, requires_token=tokens is not None)
    add_asyncapi(app, requires_token=tokens is not None)
    add_page(app, {"files": app.state.files is not None, "tokens": tokens is not None, "manual": add_manual(app)})
    return app


async def refuse_path(websocket: WebSocket) -> None:
    """Refuse a handshake for a path without WebSockets, and name the one that has them."""
    path, root = websocket.scope["path"][:100], websocket.scope.get("root_path", "")
    await refuse(websocket, 404, f"{path} has no WebSocket: that is at {root}/ws")


def _stop_process() -> None:
    """End in order, so that the supervisor of this process starts another one."""
    signal.raise_signal(signal.SIGTERM)


app = create_app(FrontEndSettings.from_environment())
