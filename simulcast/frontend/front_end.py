"""`FrontEnd`: live events for the clients of any FastAPI or Starlette application."""

from collections.abc import Collection
from dataclasses import KW_ONLY, dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from starlette.routing import BaseRoute

from simulcast.frontend import routes
from simulcast.frontend.authorization import Authorize
from simulcast.frontend.direct_endpoint import DirectEndpoint
from simulcast.frontend.supervisor import Supervisor
from simulcast.model.events import Message
from simulcast.model.position import Position

if TYPE_CHECKING:
    from fastapi import APIRouter


@dataclass(eq=False, repr=False)
class FrontEnd(Supervisor):
    """Serves the events of one Redis. An application may have several, each with a lifespan and routes of its own.

    Nothing is connected before the lifespan begins.

    `redis_url`: "" for REDIS_URL of the environment. `channel`: the one that a client joins who names none.
    `schemes`: of links that clients give downloads. `files_dir`: the download folder as this process sees it: a URL
    whose file is gone from it is downloaded again. `latency_first`: as SIMULCAST_LATENCY_FIRST: events leave sooner,
    for more processor time. `max_clients`: None for any number. `drain_s`: seconds over which
    clients are disconnected at the end. `endpoint`: for `simulcast top`. `on_failure`: called when a task has died.
    `is_revoked`: whether a grant has ended by now, asked when a client joins; `services.disconnect_revoked` ends those
    that are here.
    `authorize`: gets the connection, and returns a Grant, or None to refuse; or FastAPI's `Depends(…)` on a function
    that does so. Without it every client may do everything. `allowed_origins`: origins whose pages may connect, besides
    the application's own and those of this machine, in the forms of SIMULCAST_ALLOWED_ORIGINS.

    Raises ValueError for an address or a channel's name of no known form.
    """

    _: KW_ONLY
    authorize: Authorize | Any = None
    allowed_origins: Collection[str] = ()

    @cached_property
    def router(self) -> "APIRouter":
        """`/ws`, `/events`, `/health` and `/ready`, for FastAPI's `include_router`."""
        return routes.fastapi_router(self, self.authorize, self.allowed_origins)

    @cached_property
    def routes(self) -> list[BaseRoute]:
        """The same routes for Starlette, where `authorize` is a function."""
        return routes.starlette_routes(self, self.authorize, self.allowed_origins)

    @cached_property
    def direct_endpoint(self) -> DirectEndpoint:
        """`/ws` for a server whose WebSockets are those of `frontend.transport`, where `authorize` is a function."""
        return DirectEndpoint(self, self.authorize, self.allowed_origins)

    async def publish(
        self,
        message: Message,
        channel: str = "",
        *,
        key: str = "",
        idempotency_key: str = "",
        ttl_s: int | None = None,
        ends: bool = False,
        traceparent: str = "",
    ) -> Position | None:
        """Publish to this front-end's Redis, by default to its channel, as `Broker.publish` does, which raises."""
        return await self.services.broker.publish(
            message,
            channel or self.channel,
            key=key,
            idempotency_key=idempotency_key,
            ttl_s=ttl_s,
            ends=ends,
            traceparent=traceparent,
        )
