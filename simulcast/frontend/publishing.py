"""One event of a client, by REST or over a WebSocket: checked, and published where its grant allows that."""

from dataclasses import dataclass

from pydantic import ValidationError

from simulcast.broker import Broker
from simulcast.errors import BrokerUnavailable, EventTooLarge, InvalidEvent
from simulcast.frontend.grant import Grant
from simulcast.model.channel import ChannelNames
from simulcast.model.commands import ItemError
from simulcast.model.position import Position
from simulcast.model.requests import PublishItem, first_error

NO_OBJECT = "an event is a JSON object in braces, not {}, which can't be kept"


@dataclass(frozen=True, slots=True)
class ItemRefused:
    """The event is not stored, or may not be where `error` is `unavailable`; `detail` names the remedy."""

    error: ItemError
    detail: str


async def publish_item(
    broker: Broker, grant: Grant, value: object, repeatable_as: str = "", traceparent: str = ""
) -> Position | ItemRefused:
    """Publish one item as it came, and return its position, or why that is refused.

    `repeatable_as`: its idempotency key where it has none of its own. `traceparent`: of the request.
    """
    try:
        item = PublishItem.model_validate(value)
        channel = item.channel if "channel" in item.model_fields_set else grant.channel("", item.channel)
        ChannelNames(channel)
    except ValidationError as error:
        return ItemRefused("invalid_item", first_error(error.errors(include_url=False, include_context=False)))
    except ValueError as error:
        return ItemRefused("invalid_channel", str(error))
    if reason := grant.refusal("publish", channel):
        return ItemRefused("not_allowed", reason)
    if not isinstance(item.event, dict):
        return ItemRefused("not_an_object", NO_OBJECT.format(type(item.event).__name__))
    try:
        position = await broker.publish(
            item.event,
            channel,
            key=item.key,
            idempotency_key=item.idempotency_key or repeatable_as,
            ttl_s=item.ttl_s,
            ends=item.ends,
            traceparent=traceparent,
        )
    except EventTooLarge as error:
        return ItemRefused("too_large", str(error))
    except InvalidEvent as error:
        return ItemRefused("invalid_event", str(error))
    except BrokerUnavailable as error:
        return ItemRefused("unavailable", str(error))
    assert position is not None  # noqa: S101 (a JSON object is stored)
    return position
