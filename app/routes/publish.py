"""`POST /publish`: up to 1,000 events, each with an answer of its own; `/channels/{channel}/publish`: one event."""

import asyncio
import json
from collections.abc import Sequence
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, HTTPException, Path, Request, Response
from pydantic import BaseModel, ConfigDict, Field, ValidationError, WithJsonSchema

from app.access.permissions import require_scope, require_scope_anywhere
from app.routes.bodies import WRITING, RunningServices, body_schema, read_body
from app.routes.errors import first_error
from app.routes.idempotency import Answer, IdempotencyKey, answer_once
from app.routes.places import Places
from simulcast.errors import BrokerUnavailable, EventTooLarge, InvalidEvent
from simulcast.frontend.grant import Grant
from simulcast.frontend.routes import openapi_errors
from simulcast.frontend.services import RETRY_AFTER, Services
from simulcast.frontend.subscriptions.address import address_key
from simulcast.model.channel import CHANNEL_PATTERN, DEFAULT_CHANNEL, ChannelNames
from simulcast.model.events import MAX_ID_CHARS, MAX_TTL_S, encode

MAX_ITEMS = 1000
MAX_BATCH_BYTES = 1024 * 1024
MAX_BATCHES, MAX_BATCHES_PER_ADDRESS = 16, 4
MAX_DIGITS = 4300  # of a number that Python parses
_NO_OBJECT = "an event is a JSON object in braces, not {}, which can't be kept"

router = APIRouter(responses=openapi_errors(400, 421) | WRITING)
_may_publish = require_scope("publish")
_may_publish_somewhere = require_scope_anywhere("publish")
_batches = Places(MAX_BATCHES, MAX_BATCHES_PER_ADDRESS)


class Item(BaseModel):
    """One event; all but `event` may be left out."""

    model_config = ConfigDict(extra="forbid", strict=True)

    event: Annotated[Any, WithJsonSchema({"type": "object"})]
    channel: Annotated[str, Field(json_schema_extra={"pattern": f"^{CHANNEL_PATTERN}$"})] = DEFAULT_CHANNEL
    key: Annotated[str, Field(max_length=MAX_ID_CHARS, description="newer events supersede older ones")] = ""
    idempotency_key: Annotated[str, Field(max_length=MAX_ID_CHARS)] = ""
    ttl_s: Annotated[int | None, Field(ge=1, le=MAX_TTL_S, description="silence after which the key expires")] = None
    ends: Annotated[bool, Field(description="this event ends its key")] = False


class Batch(BaseModel):
    """Up to 1,000 events."""

    items: Annotated[list[Item], Field(max_length=MAX_ITEMS)]


class Published(BaseModel):
    """The event is stored."""

    event_id: str


class Refused(BaseModel):
    """The event is not stored, or may not be where `error` is `unavailable`; `detail` names the remedy."""

    error: Literal[
        "invalid_item", "not_an_object", "invalid_event", "too_large", "invalid_channel", "not_allowed", "unavailable"
    ]
    detail: str


class Results(BaseModel):
    """The answer to each item, in their order."""

    results: list[Published | Refused]


@router.post("/publish", response_model=Results, openapi_extra=body_schema(Batch), max_body_size=MAX_BATCH_BYTES)
async def publish_batch(
    request: Request,
    services: RunningServices,
    grant: Annotated[Grant, Depends(_may_publish_somewhere)],
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """Publish up to 1,000 events, in one round trip to Redis. An item that is refused costs the others nothing."""
    address = address_key(request.client and request.client.host)
    if not _batches.enter(address):
        raise HTTPException(503, f"{MAX_BATCHES} batches are being published already: try again later", RETRY_AFTER)
    try:

        async def answer(request_id: str) -> Answer:
            items = _parse_items(await read_body(request))
            publishing = [
                _publish_item(services, grant, item, request_id and f"{request_id}:{number}")
                for number, item in enumerate(items)
            ]
            results = await asyncio.gather(*publishing)
            is_final = all(result.get("error") != "unavailable" for result in results)
            return Answer(200, json.dumps({"results": results}), is_final=is_final)

        return await answer_once(request, services, grant, idempotency_key, answer)
    finally:
        _batches.leave(address)


def _parse_items(body: bytes) -> Sequence[object]:
    """Return the items as they came. Raises HTTPException for a body without them."""
    try:
        batch = json.loads(body.decode(), parse_int=_parse_int)  # NaN and long numbers are refused with their item
    except (ValueError, RecursionError) as error:
        raise HTTPException(422, f"the body is no JSON: {str(error)[:200]}") from error
    items = batch.get("items") if isinstance(batch, dict) else None
    if not isinstance(items, list) or set(batch) != {"items"}:
        raise HTTPException(422, 'the body is {"items": [{"channel": "…", "event": {…}}, …]}, without other members')
    if len(items) > MAX_ITEMS:
        raise HTTPException(422, f"items: at most {MAX_ITEMS:,} of them, not {len(items):,}")
    return items


def _parse_int(text: str) -> float:
    return int(text) if len(text) <= MAX_DIGITS else float("nan")


async def _publish_item(services: Services, grant: Grant, value: object, repeatable_as: str) -> dict[str, str]:
    """Publish one item and return its answer. `repeatable_as`: its idempotency key where it has none of its own."""
    try:
        item = Item.model_validate(value)
        ChannelNames(item.channel)
    except ValidationError as error:
        return _refuse("invalid_item", first_error(error.errors(include_url=False, include_context=False)))
    except ValueError as error:
        return _refuse("invalid_channel", str(error))
    if reason := grant.refusal("publish", item.channel):
        return _refuse("not_allowed", reason)
    if not isinstance(item.event, dict):
        return _refuse("not_an_object", _NO_OBJECT.format(type(item.event).__name__))
    try:
        position = await services.broker.publish(
            item.event,
            item.channel,
            key=item.key,
            idempotency_key=item.idempotency_key or repeatable_as,
            ttl_s=item.ttl_s,
            ends=item.ends,
        )
    except EventTooLarge as error:
        return _refuse("too_large", str(error))
    except InvalidEvent as error:
        return _refuse("invalid_event", str(error))
    except BrokerUnavailable as error:
        return _refuse("unavailable", str(error))
    return {"event_id": str(position)}


def _refuse(error: str, detail: str) -> dict[str, str]:
    return {"error": error, "detail": detail}


@router.post(
    "/channels/{channel}/publish",
    response_model=Published,
    openapi_extra={"requestBody": {"required": True, "content": {"application/json": {"schema": {"type": "object"}}}}},
)
async def publish(
    channel: Annotated[str, Path(json_schema_extra={"pattern": f"^{CHANNEL_PATTERN}$"})],
    request: Request,
    services: RunningServices,
    grant: Annotated[Grant, Depends(_may_publish)],
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """Publish the body, a JSON object, to all clients of the channel."""

    async def answer(request_id: str) -> Answer:
        try:
            body = await read_body(request)
            if isinstance(encode(body), str):
                raise InvalidEvent(_NO_OBJECT.format("an array, a value or other text"))
            position = await services.broker.publish(body, channel, idempotency_key=request_id)
        except (InvalidEvent, ValueError) as error:
            raise HTTPException(422, str(error)) from error
        return Answer(200, json.dumps({"event_id": str(position)}))

    return await answer_once(request, services, grant, idempotency_key, answer)
