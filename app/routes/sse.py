"""`/events`: what `/ws` tells, as server-sent events, for who can't open a WebSocket. Commands go by REST then."""

import asyncio
import logging
from typing import cast

from fastapi import APIRouter, HTTPException, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from app.access.grant import Grant
from app.access.permissions import authorize, bearer, seconds_left
from app.routes.errors import openapi_errors
from app.server.http import connection_of, wait_disconnected
from app.services import RETRY_AFTER, Services
from simulcast.cancellation import cancel_and_wait
from simulcast.errors import BrokerUnavailable
from simulcast.frontend.subscriptions import options
from simulcast.frontend.subscriptions.channels import TooManyChannels
from simulcast.frontend.subscriptions.options import SubscribeOptions
from simulcast.frontend.subscriptions.subscriber import Subscriber
from simulcast.frontend.transport.batch_writers import SSEWriter
from simulcast.frontend.transport.sse_encoder import SSEEncoder, preamble

router = APIRouter()
_log = logging.getLogger("simulcast.events")
_HEADERS = {"cache-control": "no-store", "x-accel-buffering": "no"}


@router.get(
    "/events",
    response_class=Response,
    responses={200: {"content": {"text/event-stream": {}}}, **openapi_errors(400, 401, 403, 421, 503)},
)
async def events(request: Request) -> Response:
    """The query of `/ws`; `Last-Event-ID`, or at first `?last_event_id=`, says where the client stopped."""
    services = cast(Services, request.app.state.services)
    try:
        wanted = _subscribe_options(request)
    except ValueError as error:
        raise HTTPException(400, str(error)) from error
    grant = authorize(request, "watch", wanted.channels, bearer(request))
    if (why_not := await services.start(wanted.channels)) is not None:
        raise HTTPException(503, why_not, RETRY_AFTER)
    return _Stream(services, wanted, grant)


def _subscribe_options(request: Request) -> SubscribeOptions:
    query = request.query_params
    asked = query.multi_items()
    # A browser that comes back by itself repeats the first query, so the header is newer.
    last = request.headers.get("last-event-id") or query.get("last_event_id")
    if last:
        asked.append(("since", last))
    return options.parse(asked, [options.VERSIONED])


class _Stream(Response):
    """Lasts until the client is gone or was cut, its channels can't be joined, its token or the process ends."""

    media_type = "text/event-stream"

    def __init__(self, services: Services, wanted: SubscribeOptions, grant: Grant) -> None:
        super().__init__(headers=_HEADERS)
        del self.headers["content-length"]
        self._services = services
        self._wanted = wanted
        self._grant = grant

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        await send({"type": "http.response.body", "body": preamble(), "more_body": True})
        wanted = self._wanted
        since = {channel: wanted.since[channel] for channel in wanted.channels if channel in wanted.since}
        encoder = SSEEncoder(wanted.with_channel, since)
        connection = connection_of(scope)
        ending = self._services.ending
        if connection is not None:
            ending = connection.ending = asyncio.Event()  # so that not all end in one moment
        writer = SSEWriter(send, encoder, connection.transport if connection else None)
        membership = writer.observer = self._services.join(wanted, writer)
        tasks = [
            asyncio.create_task(writer.pump(), name="pump"),
            asyncio.create_task(wait_disconnected(receive), name="gone"),
            asyncio.create_task(_wait_for_shutdown(ending), name="ending"),
            asyncio.create_task(_expired(self._grant), name="expiry"),
        ]
        joining = asyncio.create_task(self._join(membership, writer), name="join")
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            membership.on_disconnect()
            await cancel_and_wait([*tasks, joining])
        if writer.drained.is_set():
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        else:
            writer.abort()  # an end can't reach a full socket

    async def _join(self, membership: Subscriber, writer: SSEWriter) -> None:
        try:
            for channel in self._wanted.channels:
                await membership.follow(channel, self._wanted.since.get(channel))
                await writer.drained.wait()  # it holds what one channel owes, not what all of them do
        except (BrokerUnavailable, TimeoutError, TooManyChannels) as error:
            _log.warning("a client could not join: %s", error)
            writer.end()


async def _wait_for_shutdown(event: asyncio.Event) -> None:
    await event.wait()


async def _expired(grant: Grant) -> None:
    left_s = seconds_left(grant)
    await (asyncio.Event().wait() if left_s is None else asyncio.sleep(left_s))
