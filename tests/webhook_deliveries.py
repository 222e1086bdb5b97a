"""Ends that wait for addresses, as the tests of them take them."""

from collections.abc import Mapping
from typing import cast

import redis.asyncio

from simulcast.broker import Broker
from simulcast.model.channel import ChannelNames
from simulcast.webhooks import Delivery, Webhooks

A, B = "https://a.example/ends", "https://b.example/ends"


def key_of(channel: str, name: str) -> str:
    """Return the name of a key of the channel in Redis."""
    return f"{{{ChannelNames(channel).pubsub}}}:{name}"


async def take(
    webhooks: Webhooks, channel: str, limit: int = 100, sending: Mapping[str, int] | None = None
) -> list[Delivery]:
    """Lease what is due."""
    return (await webhooks.take(channel, limit, sending or {})).deliveries


def targets(deliveries: list[Delivery]) -> list[tuple[str, str]]:
    """Return address and key of each."""
    return [(delivery.address, delivery.publication.key) for delivery in deliveries]


async def make_due(client: redis.asyncio.Redis, channel: str) -> None:
    """Let the leases, the pauses and the delays of all deliveries be over."""
    for lane in cast(list[bytes], await client.zrange(key_of(channel, "webhook_lanes"), 0, -1)):
        await client.zadd(key_of(channel, "webhook_lanes"), {lane: 1})
    await client.delete(key_of(channel, "webhook_paused"))


async def publish_end(broker: Broker, channel: str, key: str, n: int = 0, size: int = 0) -> None:
    """Publish the end of a key, with a text of that size."""
    event: dict[str, object] = {"type": "render", "n": n, "text": "x" * size}
    await broker.publish(event, channel, key=key, ends=True)
