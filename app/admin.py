"""The admin port: `/metrics`, `/ready` and `/health` for operators, apart from the port of the clients.

It takes no token. Therefore it is bound to loopback by default, and no proxy leads to it.
"""

import asyncio
from collections.abc import Container
from typing import cast

from fastapi import FastAPI
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from app.metrics import ClusterStats, format_metrics
from app.routes.bodies import RunningServices
from app.routes.errors import unavailable_handler
from simulcast.errors import BrokerUnavailable
from simulcast.frontend import FrontEnd
from simulcast.frontend.routes import health, ready_response
from simulcast.process_registry import ProcessRegistry

STATS_TIMEOUT_S = 2.0


class PortRouter:
    """ASGI: requests to an admin port go to `admin`, all others to `public`."""

    def __init__(self, public: ASGIApp, admin: ASGIApp, ports: Container[int]) -> None:
        self._public = public
        self._admin = admin
        self._ports = ports

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        server = cast(tuple[str, int | None] | None, scope.get("server"))
        is_admin = server is not None and server[1] is not None and server[1] in self._ports
        await (self._admin if is_admin else self._public)(scope, receive, send)


def admin_app(public: FastAPI) -> FastAPI:
    """Return an application without a lifespan of its own: it shows the front-end of `public`."""
    app = FastAPI(openapi_url=None, exception_handlers={BrokerUnavailable: unavailable_handler})
    app.state = public.state
    app.add_api_route("/health", health, methods=["GET", "HEAD"])
    app.add_api_route("/ready", ready, methods=["GET", "HEAD"])
    app.add_api_route("/metrics", metrics, methods=["GET", "HEAD"])
    return app


async def ready(request: Request) -> Response:
    """As the public route of that name."""
    return ready_response(_front_end(request))


async def metrics(request: Request, services: RunningServices) -> Response:
    """Answer in the text format of Prometheus, whether Redis answers or not."""
    is_ready = _front_end(request).not_ready() is None
    text = format_metrics(services.channels, is_ready, await _read_stats(services.registry))
    return Response(text, media_type=CONTENT_TYPE_PLAIN_0_0_4)


def _front_end(request: Request) -> FrontEnd:
    return cast(FrontEnd, request.app.state.front_end)


async def _read_stats(registry: ProcessRegistry) -> ClusterStats | None:
    try:
        async with asyncio.timeout(STATS_TIMEOUT_S):
            return ClusterStats(await registry.processes(), await registry.queue_stats())
    except (BrokerUnavailable, TimeoutError):
        return None
