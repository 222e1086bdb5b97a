"""`/ws` on any ASGI server: a client joins its channels, sends its commands, and leaves."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Mapping

from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse
from starlette.websockets import WebSocket

from simulcast.cancellation import run_until_first
from simulcast.errors import BrokerUnavailable
from simulcast.frontend.audit import log_refusal
from simulcast.frontend.authorization import Outcome, admit, authenticate
from simulcast.frontend.client_messages import handle_text
from simulcast.frontend.grant import FULL_ACCESS, Grant
from simulcast.frontend.services import Services
from simulcast.frontend.subscriptions import options
from simulcast.frontend.subscriptions.address import address_key
from simulcast.frontend.subscriptions.channels import TooManyChannels
from simulcast.frontend.subscriptions.subscriber import Subscriber
from simulcast.frontend.supervisor import Supervisor
from simulcast.frontend.transport.batch_writers import ASGIWriter
from simulcast.frontend.transport.rate_limit import RateLimiter
from simulcast.model.close_codes import Reconnect, Refresh

_log = logging.getLogger("simulcast.ws")


async def serve_websocket(supervisor: Supervisor, websocket: WebSocket, outcome: Outcome) -> None:
    """Serve one client, from its handshake to its end."""
    offered = websocket.scope.get("subprotocols", [])
    address = address_key(websocket.client and websocket.client.host)

    def wishes(grant: Grant) -> options.SubscribeOptions:
        home = grant.channel("", supervisor.channel)
        return options.parse(websocket.query_params.multi_items(), offered, home)

    try:
        wanted = wishes(outcome if isinstance(outcome, Grant) else FULL_ACCESS)
        admission = admit(outcome, wanted.channels)
        # No channel is followed for a client that has yet to authenticate.
        services = await supervisor.open_session(wanted.channels if isinstance(admission, Grant) else (), address)
    except ValueError as error:
        await refuse(websocket, 400, str(error))
        return
    except HTTPException as error:
        await refuse(websocket, error.status_code, error.detail, error.headers)
        return
    await websocket.accept(options.select_subprotocol(offered))
    if isinstance(admission, Grant):
        grant = admission
    elif (verified := await authenticate(websocket, admission, lambda grant: wishes(grant).channels)) is not None:
        grant, wanted = verified, wishes(verified)
    else:
        return
    writer = ASGIWriter(websocket)
    client = writer.observer = supervisor.join(services, wanted, writer, grant, address)
    await _serve(websocket, writer, client, services)


async def refuse(websocket: WebSocket, status: int, detail: str, headers: Mapping[str, str] | None = None) -> None:
    """Refuse a handshake with the reason."""
    log_refusal(websocket.scope["path"], status, detail, address_key(websocket.client and websocket.client.host))
    if "websocket.http.response" in (websocket.scope.get("extensions") or {}):
        await websocket.send_denial_response(JSONResponse({"detail": detail}, status, headers))
    else:
        await websocket.close()  # the server answers 403


async def _serve(websocket: WebSocket, writer: ASGIWriter, client: Subscriber, services: Services) -> None:
    try:
        async with asyncio.timeout(client.grant.remaining_s):
            await run_until_first(writer.pump(), _converse(websocket, writer, client, services))
    except TimeoutError:
        writer.close(Refresh.TOKEN_EXPIRED, "the token has expired")
    except asyncio.CancelledError:
        writer.close(Reconnect.SERVICE_RESTART, "this server ends: reconnect")
        raise
    finally:
        client.on_disconnect()
        await writer.finish()


async def _converse(websocket: WebSocket, writer: ASGIWriter, client: Subscriber, services: Services) -> None:
    if await join(client):
        async for text in _texts(websocket):
            await handle_text(client, services, text)
    else:
        writer.close(Reconnect.TRY_AGAIN_LATER, "")


async def _texts(websocket: WebSocket) -> AsyncIterator[str]:
    """Yield the client's texts until it disconnects, as fast as it may send; binary messages are ignored."""
    rate_limiter = RateLimiter()
    while (message := await websocket.receive())["type"] != "websocket.disconnect":
        if wait_s := rate_limiter.wait_s(time.monotonic()):
            await asyncio.sleep(wait_s)
        if text := message.get("text"):
            yield text


async def join(client: Subscriber) -> bool:
    """Follow the client's channels. Return False where that is not possible now."""
    try:
        await client.follow_all()
    except (BrokerUnavailable, TimeoutError, TooManyChannels) as error:
        _log.warning("a client could not join: %s", error)
        return False
    return True
