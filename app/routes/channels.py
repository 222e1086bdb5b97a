"""`GET /channels`: channels that have clients; and below it the snapshot and the history of one channel, as JSON."""

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, HTTPException, Path, Query, Request, Response
from pydantic import BaseModel

from app.access.permissions import require_scope, require_scope_anywhere
from app.routes.bodies import RunningServices
from simulcast.frontend.grant import Grant
from simulcast.frontend.routes import openapi_errors
from simulcast.frontend.services import RETRY_AFTER
from simulcast.frontend.subscriptions.address import address_key
from simulcast.frontend.subscriptions.channel_reader import ChannelEvents, ChannelReader
from simulcast.frontend.subscriptions.channels import TooManyChannels
from simulcast.model.channel import CHANNEL_PATTERN
from simulcast.model.position import Position
from simulcast.model.processes import ChannelCounts

router = APIRouter(responses=openapi_errors(400, 401, 403, 421, 503))
_one = APIRouter(dependencies=[Depends(require_scope("watch"))], responses=openapi_errors(422))
_may_watch_somewhere = require_scope_anywhere("watch")

Channel = Annotated[str, Path(pattern=f"^{CHANNEL_PATTERN}$")]


class State(BaseModel):
    """A channel's snapshot at its position. `complete`: False where the oldest entries did not fit."""

    channel: str
    position: str
    complete: bool
    events: list[dict[str, object]]


class History(State):
    """Events after a position. `complete`: False where more follow, behind `position`.

    `recovered`: False where some of them are lost: then the events are the snapshot.
    """

    recovered: bool


@router.head("/channels", include_in_schema=False)
@router.get("/channels")
async def list_channels(
    services: RunningServices, grant: Annotated[Grant, Depends(_may_watch_somewhere)]
) -> ChannelCounts:
    """List the channels that have clients, of those that the token may watch. At most a few seconds old."""
    counts = await services.channel_counts.get()
    allowed = [count for count in counts.channels if grant.allows("watch", count.channel)]
    return ChannelCounts(channels=allowed, complete=counts.complete)


@_one.head("/channels/{channel}/state", include_in_schema=False)
@_one.get("/channels/{channel}/state", response_model=State)
async def read_state(channel: Channel, request: Request, services: RunningServices) -> Response:
    """Return the snapshot that a joining client receives, and its position, from which `/ws?since=` continues."""
    reader = ChannelReader(services.channels, services.listeners, services.broker)
    try:
        return _response(channel, await reader.state(channel, _address(request)))
    except (TimeoutError, TooManyChannels) as error:
        raise _unavailable(error) from error


@_one.head("/channels/{channel}/history", include_in_schema=False)
@_one.get("/channels/{channel}/history", response_model=History)
async def read_history(
    channel: Channel,
    request: Request,
    services: RunningServices,
    since: Annotated[str, Query(pattern=r"^(0|[1-9][0-9]{0,18})-(0|[1-9][0-9]{0,18})$")],
) -> Response:
    """Return the events that a client receives which reconnects with `since`: at most 1,000, and 1 MiB."""
    reader = ChannelReader(services.channels, services.listeners, services.broker)
    try:
        events = await reader.history(channel, Position.parse(since), _address(request))
    except (TimeoutError, TooManyChannels) as error:
        raise _unavailable(error) from error
    return _response(channel, events, "true" if events.recovered else "false")


def _address(request: Request) -> str:
    return address_key(request.client and request.client.host)


def _unavailable(error: Exception) -> HTTPException:
    return HTTPException(503, f"no events now: {error or 'the channel did not start in time'}", RETRY_AFTER)


def _response(channel: str, events: ChannelEvents, recovered: Literal["true", "false", ""] = "") -> Response:
    """Join the events to the letter: parsing them again could change a number."""
    head = f'{{"channel":"{channel}","position":"{events.position}","complete":{str(events.complete).lower()},'
    if recovered:
        head += f'"recovered":{recovered},'
    return Response(b'%b"events":[%b]}' % (head.encode(), b",".join(events.events)), media_type="application/json")


router.include_router(_one)
