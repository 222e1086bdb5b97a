"""`/ws`: a client joins the feed, says what it wishes, and leaves."""

import asyncio
import logging
from typing import cast

from fastapi import APIRouter
from starlette.responses import JSONResponse
from starlette.websockets import WebSocket, WebSocketDisconnect

from app.hub import Client, Hub
from app.outlet import MessageOutlet, RawOutlet
from app.protocol import SCOPE_KEY, SimulcastProtocol
from app.recovery import AskHistory, CatchUp, conflated, decide, start_over
from app.services import Services
from simulcast import commands
from simulcast.errors import BrokerUnavailable, PositionLost
from simulcast.position import Position

START_TIMEOUT_S = 5.0
DRAIN_TIMEOUT_S = 30.0

router = APIRouter()
_log = logging.getLogger("simulcast.ws")


class _Follower:
    """Tells the hub at once what becomes of a client's connection."""

    def __init__(self, hub: Hub, client: Client) -> None:
        self._hub = hub
        self._client = client

    def paused(self) -> None:
        self._hub.pause(self._client)

    def resumed(self) -> None:
        self._hub.resume(self._client)

    def lost(self) -> None:
        self._hub.leave(self._client)


@router.websocket("/ws")
async def serve(websocket: WebSocket) -> None:
    """One client, from its handshake to its end."""
    services = cast(Services, websocket.app.state.services)
    given = websocket.query_params.get("since")
    try:
        since = Position.parse(given) if given else None
    except ValueError as error:
        await websocket.send_denial_response(JSONResponse({"detail": f"since: {error}"}, 400))
        return
    try:
        async with asyncio.timeout(START_TIMEOUT_S):
            await services.listener.started.wait()
    except TimeoutError:
        reason = services.listener.not_ready()
        await websocket.send_denial_response(JSONResponse({"detail": f"no events yet: {reason}"}, 503))
        return
    await websocket.accept()
    protocol = websocket.scope.get("extensions", {}).get(SCOPE_KEY)
    if protocol is not None:
        await _serve_raw(websocket, protocol, services, since)
    else:
        await _serve_messages(websocket, services, since)


async def _serve_raw(
    websocket: WebSocket, protocol: SimulcastProtocol, services: Services, since: Position | None
) -> None:
    hub = services.feed.hub
    client = Client(RawOutlet(protocol))
    client.paused = not protocol.writable.is_set()
    protocol.follower = _Follower(hub, client)
    try:
        await _join(client, services, since, drained=protocol.writable)
        await _obey(websocket, services)
    finally:
        hub.leave(client)


async def _serve_messages(websocket: WebSocket, services: Services, since: Position | None) -> None:
    hub = services.feed.hub
    room = asyncio.Event()
    room.set()

    def full() -> None:
        room.clear()
        hub.pause(client)

    def drained() -> None:
        room.set()
        hub.resume(client)

    outlet = MessageOutlet(websocket, full, drained)
    client = Client(outlet)
    pump = asyncio.create_task(outlet.pump(), name="pump")
    try:
        await _join(client, services, since, drained=room)
        await _obey(websocket, services)
    finally:
        hub.leave(client)
        pump.cancel()
        await asyncio.gather(pump, return_exceptions=True)


async def _join(client: Client, services: Services, since: Position | None, drained: asyncio.Event) -> None:
    """Brings the client to where the feed is, then joins it there, with nothing missed or repeated between."""
    feed = services.feed
    caught_up = False
    try:
        async with asyncio.timeout(DRAIN_TIMEOUT_S):
            while True:
                step = decide(feed, since)
                if isinstance(step, CatchUp) and caught_up:
                    step = start_over(feed)
                if isinstance(step, CatchUp):
                    await services.listener.catch_up()
                    caught_up = True
                elif isinstance(step, AskHistory):
                    rows = await services.broker.history(step.after, step.until)
                    client.outlet.write(conflated(rows))
                    since = rows[-1].position
                    await drained.wait()
                else:
                    feed.hub.join(client, step.frames)
                    return
    except PositionLost:
        feed.hub.join(client, start_over(feed).frames)
    except (BrokerUnavailable, TimeoutError) as error:
        _log.warning("a client could not recover: %s", error)
        client.outlet.abort()


async def _obey(websocket: WebSocket, services: Services) -> None:
    """Reads what the client says until it is gone."""
    while True:
        message = await websocket.receive()
        if message["type"] == "websocket.disconnect":
            return
        text = message.get("text")
        if text is None:
            continue  # binary: ignored
        found = commands.read(text)
        if found is None:
            continue
        try:
            if isinstance(found, commands.Mistake):
                await websocket.send_text(found.answer())
            else:
                await websocket.send_text(await _carry_out(found, services))
        except WebSocketDisconnect:
            return


async def _carry_out(command: commands.Command, services: Services) -> str:
    try:
        return command.result(await services.jobs.command(command))
    except BrokerUnavailable as error:
        _log.warning("a command was not recorded: %s", error)
        return command.result("unavailable")
