"""`/events`: the events of `/ws` as server-sent events, for clients that cannot open a WebSocket.

A browser's EventSource stops for good at any status but 200 (HTML standard, §9.2.3). So a refusal that may pass is a
stream for it, which names the reason and ends.
"""

import asyncio
import json
import logging
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from simulcast.cancellation import cancel_and_wait, run_until_first
from simulcast.errors import BrokerUnavailable
from simulcast.frontend.authorization import Outcome, admit
from simulcast.frontend.grant import Grant
from simulcast.frontend.services import Services
from simulcast.frontend.subscriptions import options
from simulcast.frontend.subscriptions.address import address_key
from simulcast.frontend.subscriptions.channels import TooManyChannels
from simulcast.frontend.subscriptions.options import SubscribeOptions
from simulcast.frontend.subscriptions.subscriber import Subscriber
from simulcast.frontend.supervisor import Supervisor
from simulcast.frontend.transport.asgi import http_transport, wait_disconnected
from simulcast.frontend.transport.batch_writers import SSEWriter
from simulcast.frontend.transport.sse_encoder import SSEEncoder, preamble
from simulcast.model.close_codes import Reconnect, Refresh
from simulcast.model.position import UNKNOWN, Position

_log = logging.getLogger("simulcast.events")
_MEDIA_TYPE = "text/event-stream"
# Proxies and middleware that compress would hold events back.
_HEADERS = {"cache-control": "no-cache, no-store, no-transform", "x-accel-buffering": "no"}
_RETRY_S = {401: 10.0, 408: 5.0, 425: 5.0, 429: 5.0, 503: 2.0}  # after refusals that may pass, by status
_ERROR_RETRY_S = 5.0  # after 500 and other errors of servers


async def answer_event_source(request: Request, handler: Callable[[Request], Awaitable[Response]]) -> Response:
    """Return the handler's response, for an EventSource also where it refuses the client for now, or fails.

    Raises what the handler raises, for other clients and refusals that stay.
    """
    accept = request.headers.get("accept")
    try:
        return await handler(request)
    except HTTPException as error:
        if (refusal := refusal_stream(accept, error.status_code, error.detail)) is None:
            raise
        return refusal
    except Exception as error:
        handled, _ = request.scope.get("starlette.exception_handlers", ({}, {}))
        is_handled = any(kind in handled for kind in type(error).__mro__)  # by the application
        if is_handled or (refusal := refusal_stream(accept, 500, "unexpected error: try again later")) is None:
            raise
        _log.exception("a stream could not be opened")
        return refusal


def refusal_stream(accept: str | None, status: int, reason: str) -> Response | None:
    """Return a stream that lets an EventSource reconnect; None for another client, or a refusal that stays.

    `accept`: an EventSource accepts event streams only; a client that reads statuses accepts more.
    """
    retry_s = _RETRY_S.get(status, _ERROR_RETRY_S if status >= 500 else None)
    if accept != _MEDIA_TYPE or retry_s is None:
        return None
    event = json.dumps({"type": "refused", "status": status, "detail": reason})
    body = b"%bevent: refused\ndata: %b\n\n" % (preamble(retry_s), event.encode())
    return Response(body, headers=_HEADERS, media_type=_MEDIA_TYPE)


async def open_stream(supervisor: Supervisor, request: Request, outcome: Outcome) -> Response:
    """Return the response that streams events. Raises HTTPException for a client that is refused."""
    try:
        channel = outcome.channel("", supervisor.channel) if isinstance(outcome, Grant) else supervisor.channel
        wanted = _subscribe_options(request, channel)
    except ValueError as error:
        raise HTTPException(400, str(error)) from error
    grant = admit(outcome, wanted.channels)
    if not isinstance(grant, Grant):
        raise HTTPException(401, "an event stream has no first message: send the token in the header Authorization")
    is_head = request.method == "HEAD"
    address = address_key(request.client and request.client.host)
    services = await supervisor.open_session(() if is_head else wanted.channels, address)
    if is_head:
        return Response(headers=_HEADERS, media_type=_MEDIA_TYPE)
    return EventStream(supervisor, services, wanted, grant, address)


def _subscribe_options(request: Request, channel: str) -> SubscribeOptions:
    pairs = request.query_params.multi_items()
    # A browser that reconnects by itself repeats the first query, so the header is newer. Polyfills of EventSource
    # send no header, and add a parameter of one of its spellings behind that query.
    named = [text for name, text in pairs if text and re.sub("[-_]", "", name).lower() == "lasteventid"]
    if last := request.headers.get("last-event-id") or (named[-1] if named else ""):
        pairs = [pair for pair in pairs if pair[0] != "since"]
        wanted = options.parse(pairs, [options.VERSIONED], channel)
        return replace(wanted, since=_last_positions(last, wanted.channels))
    return options.parse(pairs, [options.VERSIONED], channel)


def _last_positions(last_event_id: str, channels: Sequence[str]) -> dict[str, Position]:
    """Return the position in each channel, an unknown one for an id that is none: a browser can't correct it."""
    try:
        return options.parse_positions(last_event_id, channels)
    except ValueError:
        return dict.fromkeys(channels, UNKNOWN)


class EventStream(Response):
    """Lasts until the client disconnects or is disconnected, or its grant expires."""

    media_type = _MEDIA_TYPE

    def __init__(
        self, supervisor: Supervisor, services: Services, wanted: SubscribeOptions, grant: Grant, address: str
    ) -> None:
        super().__init__(headers=_HEADERS)
        del self.headers["content-length"]
        self._supervisor = supervisor
        self._services = services
        self._wanted = wanted
        self._grant = grant
        self._address = address

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope.get("http_version") == "1.1":
            self.headers["connection"] = "close"  # the client comes back by another one, perhaps to another front-end
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        await send({"type": "http.response.body", "body": preamble(), "more_body": True})
        wanted = self._wanted
        since = {channel: wanted.since[channel] for channel in wanted.channels if channel in wanted.since}
        writer = SSEWriter(send, SSEEncoder(wanted.with_channel, since), http_transport(scope))
        client = writer.observer = self._supervisor.join(self._services, wanted, writer, self._grant, self._address)
        joining = asyncio.create_task(self._join(client, writer), name="join")
        try:
            async with asyncio.timeout(self._grant.remaining_s):
                await run_until_first(writer.pump(), wait_disconnected(receive))
        except TimeoutError:
            writer.close(Refresh.TOKEN_EXPIRED, "")
        finally:
            client.on_disconnect()
            await cancel_and_wait([joining])
        await writer.finish()
        writer.observer = None  # a cycle would keep the client from being freed

    async def _join(self, client: Subscriber, writer: SSEWriter) -> None:
        try:
            await client.follow_all()
        except (BrokerUnavailable, TimeoutError, TooManyChannels) as error:
            _log.warning("a client could not join: %s", error)
        except Exception:
            _log.exception("a client could not join")
        else:
            return
        writer.close(Reconnect.TRY_AGAIN_LATER, "")
