"""The admin port: `/metrics`, `/ready` and `/health` for who runs the service, apart from what clients reach.

It wants no token, so it is bound to loopback unless told otherwise, and a proxy has no way to it.
"""

import asyncio
from collections.abc import Container
from typing import cast

from fastapi import FastAPI
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from app.metrics import ClusterStats, exposition
from app.routes import downloads
from app.routes.downloads import Here
from app.services import Services
from simulcast.errors import BrokerUnavailable

STATS_TIMEOUT_S = 2.0


class PortRouter:
    """ASGI: what comes by an admin port goes to `admin`, and all else to `public`."""

    def __init__(self, public: ASGIApp, admin: ASGIApp, ports: Container[int]) -> None:
        self._public = public
        self._admin = admin
        self._ports = ports

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        found = cast(tuple[str, int | None] | None, scope.get("server"))
        inside = found is not None and found[1] is not None and found[1] in self._ports
        await (self._admin if inside else self._public)(scope, receive, send)


def admin_app(public: FastAPI) -> FastAPI:
    """It has no life of its own: what `public` has put together serves both."""
    app = FastAPI(openapi_url=None)
    app.state = public.state
    app.add_api_route("/health", downloads.health)
    app.add_api_route("/ready", downloads.ready)
    app.add_api_route("/metrics", metrics)
    return app


async def metrics(here: Here) -> Response:
    """Prometheus' text format, whether Redis answers or not."""
    ready = here.not_ready() is None
    text = exposition(here.channels, here.channels.counters, ready, await _everyone(here))
    return Response(text, media_type=CONTENT_TYPE_PLAIN_0_0_4)


async def _everyone(here: Services) -> ClusterStats | None:
    try:
        async with asyncio.timeout(STATS_TIMEOUT_S):
            return ClusterStats(await here.census.processes(), await here.census.queue_stats())
    except (BrokerUnavailable, TimeoutError):
        return None
