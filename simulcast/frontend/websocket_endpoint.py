"""`/ws`: a client joins its channels, sends its commands, and leaves."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Mapping
from functools import partial

from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse
from starlette.websockets import WebSocket

from simulcast.cancellation import run_until_first
from simulcast.errors import BrokerUnavailable
from simulcast.frontend.audit import log_message, log_refusal
from simulcast.frontend.authorization import Outcome, admit, authenticate
from simulcast.frontend.grant import Grant
from simulcast.frontend.requests import answer
from simulcast.frontend.services import Services
from simulcast.frontend.subscriptions import options
from simulcast.frontend.subscriptions.address import address_key
from simulcast.frontend.subscriptions.channels import TooManyChannels
from simulcast.frontend.subscriptions.subscriber import Subscriber
from simulcast.frontend.supervisor import Supervisor
from simulcast.frontend.transport.asgi import RawWebSocket, raw_websocket
from simulcast.frontend.transport.batch_writers import ASGIWriter
from simulcast.frontend.transport.rate_limit import RateLimiter
from simulcast.model import commands
from simulcast.model.close_codes import Reconnect, Refresh
from simulcast.model.download_url import validate_url

_log = logging.getLogger("simulcast.ws")


async def serve_websocket(supervisor: Supervisor, websocket: WebSocket, outcome: Outcome) -> None:
    """Serve one client, from its handshake to its end."""
    offered = websocket.scope.get("subprotocols", [])
    try:
        address = address_key(websocket.client and websocket.client.host)
        wanted = options.parse(websocket.query_params.multi_items(), offered, supervisor.channel, address)
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
    elif (verified := await authenticate(websocket, admission, wanted.channels)) is not None:
        grant = verified
    else:
        return
    protocol = raw_websocket(websocket.scope)
    if protocol is not None:
        client = protocol.observer = supervisor.join(services, wanted, protocol, grant)
        await _serve_raw(websocket, protocol, client, services, grant)
    else:
        writer = ASGIWriter(websocket)
        client = writer.observer = supervisor.join(services, wanted, writer, grant)
        await _serve_messages(websocket, writer, client, services, grant)


async def refuse(websocket: WebSocket, status: int, detail: str, headers: Mapping[str, str] | None = None) -> None:
    """Refuse a handshake with the reason."""
    log_refusal(websocket.scope["path"], status, detail, address_key(websocket.client and websocket.client.host))
    if "websocket.http.response" in (websocket.scope.get("extensions") or {}):
        await websocket.send_denial_response(JSONResponse({"detail": detail}, status, headers))
    else:
        await websocket.close()  # the server answers 403


async def _serve_raw(
    websocket: WebSocket, protocol: RawWebSocket, client: Subscriber, services: Services, grant: Grant
) -> None:
    if (remaining_s := grant.remaining_s) is not None:
        protocol.expire_in(remaining_s)
    joined = False
    try:
        joined = await _join(client)
    finally:
        if not joined:
            client.on_disconnect()
    if joined:
        protocol.detach(partial(_handle_text, client=client, services=services, grant=grant))
    else:
        await websocket.close(Reconnect.TRY_AGAIN_LATER)


async def _serve_messages(
    websocket: WebSocket, writer: ASGIWriter, client: Subscriber, services: Services, grant: Grant
) -> None:
    try:
        async with asyncio.timeout(grant.remaining_s):
            await run_until_first(writer.pump(), _converse(websocket, writer, client, services, grant))
    except TimeoutError:
        writer.close(Refresh.TOKEN_EXPIRED, "the token has expired")
    except asyncio.CancelledError:
        writer.close(Reconnect.SERVICE_RESTART, "this server ends: reconnect")
        raise
    finally:
        client.on_disconnect()
        await writer.finish()


async def _converse(
    websocket: WebSocket, writer: ASGIWriter, client: Subscriber, services: Services, grant: Grant
) -> None:
    if await _join(client):
        async for text in _texts(websocket):
            await _handle_text(text, client, services, grant)
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


async def _join(client: Subscriber) -> bool:
    """Follow the client's channels. Return False where that is not possible now."""
    try:
        await client.follow_all()
    except (BrokerUnavailable, TimeoutError, TooManyChannels) as error:
        _log.warning("a client could not join: %s", error)
        return False
    return True


async def _handle_text(text: str, client: Subscriber, services: Services, grant: Grant) -> None:
    if client.is_revoked or grant.has_expired:  # a message may have waited, also beyond the end of its connection
        return
    message = commands.parse(text)
    if message is not None:
        reply = await _handle_message(message, client, services, grant)
        log_message(message, reply, user=grant.user, address=client.options.address)
        await client.send_text(reply)


async def _handle_message(message: commands.ClientMessage, client: Subscriber, services: Services, grant: Grant) -> str:
    """Return the answer."""
    if isinstance(message, commands.InvalidCommand):
        return message.encode()
    if isinstance(message, commands.SubscriptionCommand):
        if message.subscribe and not grant.allows("watch", message.channel):
            return message.encode_result("not_allowed")
        return await _follow(message, client)
    if isinstance(message, commands.Request):
        await client.wait_for_room()  # a client that reads nothing gets no answer made
        return await answer(message, services, grant)
    channel = isinstance(message, commands.JobCommand) and message.channel
    if not grant.allows("command", channel or services.channel):
        return message.encode_result("not_allowed")
    return await _run_command(message, services)


async def _follow(command: commands.SubscriptionCommand, client: Subscriber) -> str:
    client.enable_channel_names()
    try:
        if command.subscribe:
            await client.follow(command.channel, command.since)
        else:
            client.unfollow(command.channel)
    except (ValueError, TooManyChannels) as error:
        return command.encode_result("too_many_channels", str(error))
    except (BrokerUnavailable, TimeoutError) as error:
        _log.warning("a client could not follow %s: %s", command.channel, error)
        return command.encode_result("unavailable")
    return command.encode_result(None, followed=client.followed)


async def _run_command(command: commands.Command | commands.JobCommand, services: Services) -> str:
    if isinstance(command, commands.Command) and command.action == "relink":
        try:
            validate_url(command.url, services.schemes)
        except ValueError as error:
            return command.encode_result("invalid_url", f"the URL {error}")
    try:
        if isinstance(command, commands.JobCommand):
            jobs = services.own_jobs_in(command.channel or services.channel)
            return command.encode_result(await jobs.command(command))
        return command.encode_result(await services.jobs.command(command))
    except BrokerUnavailable as error:
        _log.warning("a command was not recorded: %s", error)
        return command.encode_result("unavailable")
