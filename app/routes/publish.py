"""`POST /publish`: up to 1,000 events, each with an answer of its own; `/channels/{channel}/publish`: one event."""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Depends, HTTPException, Path, Request, Response
from pydantic import BaseModel, Field

from app.access.permissions import require_scope, require_scope_anywhere
from app.routes.bodies import WRITING, RunningServices, body_schema, read_body, traceparent_of
from app.routes.idempotency import Answer, IdempotencyKey, answer_once
from app.routes.places import Places
from simulcast.errors import InvalidEvent
from simulcast.frontend.grant import Grant
from simulcast.frontend.publishing import NO_OBJECT, publish_item
from simulcast.frontend.routes import openapi_errors
from simulcast.frontend.services import RETRY_AFTER
from simulcast.frontend.subscriptions.address import address_key
from simulcast.model.channel import CHANNEL_PATTERN
from simulcast.model.commands import ItemError
from simulcast.model.events import encode
from simulcast.model.position import Position
from simulcast.model.repeated import check_members, unique_members
from simulcast.model.requests import PublishItem

MAX_ITEMS = 1000
MAX_BATCH_BYTES = 1024 * 1024
MAX_BATCHES, MAX_BATCHES_PER_ADDRESS = 16, 4
MAX_DIGITS = 4300  # of a number that Python parses

router = APIRouter(responses=openapi_errors(400, 421) | WRITING)
_may_publish = require_scope("publish")
_may_publish_somewhere = require_scope_anywhere("publish")
_batches = Places(MAX_BATCHES, MAX_BATCHES_PER_ADDRESS)


class Batch(BaseModel):
    """Up to 1,000 events."""

    items: Annotated[list[PublishItem], Field(max_length=MAX_ITEMS)]


class Published(BaseModel):
    """The event is stored."""

    event_id: str


class Refused(BaseModel):
    """The event is not stored, or may not be where `error` is `unavailable`; `detail` names the remedy."""

    error: ItemError
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
            items, cause = _parse_items(await read_body(request)), traceparent_of(request)
            publishing = [
                publish_item(services.broker, grant, item, request_id and f"{request_id}:{number}", cause)
                for number, item in enumerate(items)
            ]
            outcomes = await asyncio.gather(*publishing)
            results = [
                {"event_id": str(outcome)} if isinstance(outcome, Position) else asdict(outcome) for outcome in outcomes
            ]
            is_final = all(result.get("error") != "unavailable" for result in results)
            return Answer(200, json.dumps({"results": results}), is_final=is_final)

        return await answer_once(request, services, grant, idempotency_key, answer)
    finally:
        _batches.leave(address)


def _parse_items(body: bytes) -> Sequence[object]:
    """Return the items as they came. Raises HTTPException for a body without them."""
    try:
        # NaN and long numbers are refused with their item.
        batch = json.loads(body.decode(), parse_int=_parse_int, object_pairs_hook=unique_members)
    except (ValueError, RecursionError) as error:
        raise HTTPException(422, f"the body can't be read as JSON: {str(error)[:200]}") from error
    items = batch.get("items") if isinstance(batch, dict) else None
    if not isinstance(items, list) or set(batch) != {"items"}:
        raise HTTPException(422, 'the body is {"items": [{"channel": "…", "event": {…}}, …]}, without other members')
    if len(items) > MAX_ITEMS:
        raise HTTPException(422, f"items: at most {MAX_ITEMS:,} of them, not {len(items):,}")
    return items


def _parse_int(text: str) -> float:
    return int(text) if len(text) <= MAX_DIGITS else float("nan")


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
                raise InvalidEvent(NO_OBJECT.format("an array, a value or other text"))
            check_members(body)
            position = await services.broker.publish(
                body, channel, idempotency_key=request_id, traceparent=traceparent_of(request)
            )
        except (InvalidEvent, ValueError) as error:
            raise HTTPException(422, str(error)) from error
        return Answer(200, json.dumps({"event_id": str(position)}))

    return await answer_once(request, services, grant, idempotency_key, answer)
