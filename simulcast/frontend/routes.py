"""The routes of a front-end, for FastAPI and for Starlette."""

from collections.abc import Callable, Collection, Coroutine
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.websockets import WebSocket

from simulcast.frontend.authorization import Authorize, Outcome, call_authorize
from simulcast.frontend.grant import FULL_ACCESS
from simulcast.frontend.origins import check_origin
from simulcast.frontend.sse_endpoint import answer_event_source, open_stream
from simulcast.frontend.supervisor import Supervisor
from simulcast.frontend.websocket_endpoint import serve_websocket

if TYPE_CHECKING:
    from fastapi import APIRouter


class Problem(BaseModel):
    """The body of a refusal: the input, what is wrong with it, and the remedy."""

    detail: str


def openapi_errors(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Describe for OpenAPI that a route may answer with these statuses, too."""
    return {status: {"model": Problem} for status in statuses}


async def health(_: Request) -> JSONResponse:
    """Answers while the process runs."""
    return JSONResponse({"status": "ok"})


async def upgrade_required(_: Request) -> JSONResponse:
    """Answers a handshake that has lost its upgrade, mostly in a proxy."""
    reason = (
        "a WebSocket is served here: open it with ws:// or wss://, and let each proxy pass on Upgrade and Connection"
    )
    return JSONResponse({"detail": reason}, 426, {"upgrade": "websocket", "connection": "upgrade"})


def ready_response(supervisor: Supervisor, with_counts: bool = True) -> JSONResponse:
    """Answer whether clients may come and events arrive here, and how many clients and channels are here."""
    if (reason := supervisor.not_ready()) is not None:
        return JSONResponse({"detail": reason}, 503)
    if not with_counts:
        return JSONResponse({"status": "ready"})
    channels = supervisor.services.channels
    return JSONResponse({"status": "ready", "clients": channels.clients, "channels": len(channels.feeds)})


def starlette_routes(
    supervisor: Supervisor, authorize: Authorize | None, allowed_origins: Collection[str]
) -> list[BaseRoute]:
    """Return `/ws`, `/events`, `/health` and `/ready`."""

    async def decide_outcome(connection: HTTPConnection) -> Outcome:
        return _origin_error(connection, allowed_origins) or await _call_authorize(authorize, connection)

    async def ws(websocket: WebSocket) -> None:
        await serve_websocket(supervisor, websocket, await decide_outcome(websocket))

    async def open_events(request: Request) -> Response:
        return await open_stream(supervisor, request, await decide_outcome(request))

    async def events(request: Request) -> Response:
        return await answer_event_source(request, open_events)

    async def ready(_: Request) -> Response:
        return ready_response(supervisor, with_counts=authorize is None)

    return [
        *(WebSocketRoute(path, ws) for path in ("/ws", "/ws/")),
        *(Route(path, upgrade_required) for path in ("/ws", "/ws/")),
        Route("/events", events),
        Route("/health", health),
        Route("/ready", ready),
    ]


def fastapi_router(supervisor: Supervisor, authorize: Authorize | Any, allowed_origins: Collection[str]) -> "APIRouter":
    """Return the same routes, where `authorize` may be `Depends(…)`."""
    from fastapi import APIRouter, Depends, params
    from fastapi.routing import APIRoute

    class EventsRoute(APIRoute):
        """Answers an EventSource also where the application's own dependency refuses it."""

        def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
            handler = super().get_route_handler()

            async def handle(request: Request) -> Response:
                return await answer_event_source(request, handler)

            return handle

    async def call_authorize(connection: HTTPConnection) -> Outcome:
        return await _call_authorize(authorize, connection)

    dependency = authorize if isinstance(authorize, params.Depends) else Depends(call_authorize)

    async def decide_outcome(connection: HTTPConnection, decision: Annotated[Any, dependency]) -> Outcome:
        return _origin_error(connection, allowed_origins) or decision

    admission = Depends(decide_outcome)
    router = APIRouter()

    @router.websocket("/ws")
    @router.websocket("/ws/")
    async def ws(websocket: WebSocket, outcome: Annotated[Any, admission]) -> None:
        await serve_websocket(supervisor, websocket, outcome)

    async def events(request: Request, outcome: Annotated[Any, admission]) -> Response:
        """The query of `/ws`; `Last-Event-ID`, or at first `?last_event_id=`, says where the client stopped."""
        return await open_stream(supervisor, request, outcome)

    stream: dict[str, Any] = {"content": {"text/event-stream": {}}}
    for methods in (["GET"], ["HEAD"]):
        router.add_api_route(
            "/events",
            events,
            methods=methods,
            response_class=Response,
            responses={200: stream, **openapi_errors(400, 401, 403, 503)},
            include_in_schema=methods == ["GET"],
            route_class_override=EventsRoute,
        )

    @router.head("/ready", include_in_schema=False)
    @router.get("/ready", responses=openapi_errors(503))
    async def ready() -> Response:
        """Report whether clients may connect and events arrive: the head of the channel is read once a second."""
        return ready_response(supervisor, with_counts=authorize is None)

    for path in ("/ws", "/ws/"):
        router.api_route(path, methods=["GET", "HEAD"], include_in_schema=False)(upgrade_required)
    router.get("/health")(health)
    router.head("/health", include_in_schema=False)(health)
    return router


def _origin_error(connection: HTTPConnection, allowed: Collection[str]) -> HTTPException | None:
    headers, scheme = connection.headers, connection.scope.get("scheme", "ws")  # optional in ASGI: Daphne has none
    reason = check_origin(headers.get("origin"), headers.get("host", ""), scheme, allowed)
    return None if reason is None else HTTPException(403, reason)


async def _call_authorize(authorize: Authorize | None, connection: HTTPConnection) -> Outcome:
    return FULL_ACCESS if authorize is None else await call_authorize(authorize, connection)
