"""`/ws`: a client joins its channels, says what it wishes, and leaves."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Mapping
from functools import partial
from typing import cast

from fastapi import APIRouter
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse
from starlette.websockets import WebSocket

from app.access.grant import Grant
from app.access.handshake import admit, authenticate
from app.access.permissions import seconds_left
from app.services import RETRY_AFTER, Services
from simulcast.errors import BrokerUnavailable
from simulcast.frontend.subscriptions import options
from simulcast.frontend.subscriptions.channels import TooManyChannels
from simulcast.frontend.subscriptions.options import SubscribeOptions
from simulcast.frontend.subscriptions.subscriber import Subscriber
from simulcast.frontend.transport.batch_writers import ASGIWriter
from simulcast.frontend.transport.rate_limit import RateLimiter
from simulcast.frontend.transport.websocket import SCOPE_KEY, SimulcastWebSocketProtocol
from simulcast.model import commands
from simulcast.model.channel import DEFAULT_CHANNEL
from simulcast.model.close_codes import Reconnect, Refresh

router = APIRouter()
_log = logging.getLogger("simulcast.ws")


@router.websocket("/ws")
async def serve(websocket: WebSocket) -> None:
    """One client, from its handshake to its end."""
    services = cast(Services, websocket.app.state.services)
    offered = websocket.scope.get("subprotocols", [])
    try:
        wanted = options.parse(websocket.query_params.multi_items(), offered)
        grant = admit(websocket, wanted.channels)
    except ValueError as error:
        await _refuse(websocket, 400, str(error))
        return
    except HTTPException as error:
        await _refuse(websocket, error.status_code, error.detail, error.headers)
        return
    # Nothing is done for a client that nobody knows yet.
    if (why_not := await services.start(wanted.channels if grant else ())) is not None:
        await _refuse(websocket, 503, why_not, RETRY_AFTER)
        return
    await websocket.accept(options.select_subprotocol(offered))
    if grant is None and (grant := await authenticate(websocket, wanted.channels)) is None:
        return
    protocol = websocket.scope.get("extensions", {}).get(SCOPE_KEY)
    if protocol is not None:
        await _serve_raw(websocket, protocol, services, wanted, grant)
    else:
        await _serve_messages(websocket, services, wanted, grant)


async def _refuse(websocket: WebSocket, status: int, detail: str, headers: Mapping[str, str] | None = None) -> None:
    await websocket.send_denial_response(JSONResponse({"detail": detail}, status, headers))


async def _serve_raw(
    websocket: WebSocket,
    protocol: SimulcastWebSocketProtocol,
    services: Services,
    wanted: SubscribeOptions,
    grant: Grant,
) -> None:
    membership = protocol.observer = services.join(wanted, protocol)
    if (left_s := seconds_left(grant)) is not None:
        protocol.expire_in(left_s)
    if await _join(websocket, membership):
        protocol.detach(partial(_handle_command, membership=membership, services=services, grant=grant))


async def _serve_messages(websocket: WebSocket, services: Services, wanted: SubscribeOptions, grant: Grant) -> None:
    writer = ASGIWriter(websocket)
    membership = writer.observer = services.join(wanted, writer)
    pump = asyncio.create_task(writer.pump(), name="pump")
    try:
        async with asyncio.timeout(seconds_left(grant)) as validity:
            if await _join(websocket, membership):
                async for text in _texts(websocket):
                    await _handle_command(text, membership, services, grant)
    except TimeoutError:
        if not validity.expired():
            raise
        membership.on_disconnect()
        await websocket.close(Refresh.TOKEN_EXPIRED, "the token has expired")
    finally:
        membership.on_disconnect()
        pump.cancel()
        await asyncio.gather(pump, return_exceptions=True)


async def _texts(websocket: WebSocket) -> AsyncIterator[str]:
    """What the client says until it is gone, as fast as it may; binary messages are ignored."""
    pace = RateLimiter()
    while (message := await websocket.receive())["type"] != "websocket.disconnect":
        if wait_s := pace.wait_s(time.monotonic()):
            await asyncio.sleep(wait_s)
        if text := message.get("text"):
            yield text


async def _join(websocket: WebSocket, membership: Subscriber) -> bool:
    """Whether the client follows its channels now; else it is told to come back later."""
    joined = False
    try:
        await membership.follow_all()
        joined = True
    except (BrokerUnavailable, TimeoutError, TooManyChannels) as error:
        _log.warning("a client could not join: %s", error)
        await websocket.close(Reconnect.TRY_AGAIN_LATER)
    finally:
        if not joined:
            membership.on_disconnect()
    return joined


async def _handle_command(text: str, membership: Subscriber, services: Services, grant: Grant) -> None:
    found = commands.parse(text)
    if found is not None:
        await membership.send_text(await _send_result(found, membership, services, grant))


async def _send_result(
    found: commands.Command | commands.InvalidCommand | commands.SubscriptionCommand,
    membership: Subscriber,
    services: Services,
    grant: Grant,
) -> str:
    if isinstance(found, commands.InvalidCommand):
        return found.encode()
    if isinstance(found, commands.SubscriptionCommand):
        if found.subscribe and not grant.allows("watch", found.channel):
            return found.encode_result("not_allowed")
        return await _follow(found, membership)
    if not grant.allows("command", DEFAULT_CHANNEL):
        return found.encode_result("not_allowed")
    return await _run_command(found, services)


async def _follow(found: commands.SubscriptionCommand, membership: Subscriber) -> str:
    membership.enable_channel_names()
    try:
        if found.subscribe:
            await membership.follow(found.channel, found.since)
        else:
            membership.unfollow(found.channel)
    except (ValueError, TooManyChannels) as error:
        return commands.InvalidCommand("invalid_member", str(error)).encode()
    except (BrokerUnavailable, TimeoutError) as error:
        _log.warning("a client could not follow %s: %s", found.channel, error)
        return found.encode_result("unavailable")
    return found.encode_result(None)


async def _run_command(command: commands.Command, services: Services) -> str:
    try:
        return command.encode_result(await services.jobs.command(command))
    except BrokerUnavailable as error:
        _log.warning("a command was not recorded: %s", error)
        return command.encode_result("unavailable")
