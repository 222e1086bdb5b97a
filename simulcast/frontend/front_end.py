"""`FrontEnd`: live events for the clients of any FastAPI or Starlette application."""

from collections.abc import Callable, Collection
from functools import cached_property
from typing import TYPE_CHECKING, Any

from starlette.routing import BaseRoute

from simulcast.frontend import routes
from simulcast.frontend.authorization import Authorize
from simulcast.frontend.heartbeat import NO_ENDPOINT, Endpoint
from simulcast.frontend.supervisor import Supervisor
from simulcast.model.channel import DEFAULT_CHANNEL
from simulcast.model.download_url import WEB
from simulcast.model.events import Message
from simulcast.model.position import Position

if TYPE_CHECKING:
    from fastapi import APIRouter

MAX_CLIENTS = 10_000


class FrontEnd(Supervisor):
    """Serves the events of one Redis. An application may have several, each with a lifespan and routes of its own."""

    def __init__(
        self,
        redis_url: str = "",
        *,
        channel: str = DEFAULT_CHANNEL,
        authorize: Authorize | Any = None,
        allowed_origins: Collection[str] = (),
        schemes: Collection[str] = WEB,
        max_clients: int | None = MAX_CLIENTS,
        drain_s: float = 0.0,
        endpoint: Endpoint = NO_ENDPOINT,
        on_failure: Callable[[], None] = lambda: None,
    ) -> None:
        """Nothing is connected before the lifespan begins.

        `redis_url`: "" for REDIS_URL of the environment. `channel`: the one that a client joins who names none.
        `authorize`: gets the connection, and returns a Grant, or None to refuse; or FastAPI's `Depends(…)` on a
        function that does so. Without it every client may do everything. `allowed_origins`: origins whose pages may
        connect, besides the application's own and those of localhost. `schemes`: of links that clients give downloads.
        `max_clients`: None for any number. `drain_s`: seconds over which clients are disconnected at the end.
        `endpoint`: for `simulcast top`. `on_failure`: called when a task has died.

        Raises ValueError for an address or a channel's name of no known form.
        """
        super().__init__(
            redis_url,
            channel,
            schemes,
            max_clients=max_clients,
            drain_s=drain_s,
            endpoint=endpoint,
            on_failure=on_failure,
        )
        self._authorize = authorize
        self._allowed_origins = allowed_origins

    @cached_property
    def router(self) -> "APIRouter":
        """`/ws`, `/events`, `/health` and `/ready`, for FastAPI's `include_router`."""
        return routes.fastapi_router(self, self._authorize, self._allowed_origins)

    @cached_property
    def routes(self) -> list[BaseRoute]:
        """The same routes for Starlette, where `authorize` is a function."""
        return routes.starlette_routes(self, self._authorize, self._allowed_origins)

    async def publish(self, message: Message, channel: str = "", *, key: str = "") -> Position | None:
        """Publish to this front-end's Redis, by default to its channel. Raises as `Broker.publish` does."""
        return await self.services.broker.publish(message, channel or self.channel, key=key)
