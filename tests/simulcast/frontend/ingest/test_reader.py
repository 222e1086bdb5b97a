"""A subscription read past redis-py, and by its public API where its private members differ."""

import asyncio
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import cast

import pytest
import redis
import redis.asyncio
from redis.asyncio.client import PubSub

from simulcast.frontend.ingest import reader as reader_module
from simulcast.frontend.ingest.reader import PublicReader, SubscriptionReader, open_reader
from simulcast.store.connection import connect
from tests.valkey import Valkey


@pytest.fixture
async def client(valkey: Valkey) -> AsyncIterator[redis.asyncio.Redis]:
    connection = connect(valkey.url, 4)
    yield connection
    await connection.aclose()


@pytest.fixture
async def pubsub(client: redis.asyncio.Redis, channel: str) -> AsyncIterator[PubSub]:
    subscribed = client.pubsub()
    await subscribed.subscribe(channel)
    yield subscribed
    await subscribed.aclose()


async def test_reader_is_the_fast_one_with_the_redis_py_that_is_installed(pubsub: PubSub) -> None:
    assert isinstance(open_reader(pubsub), SubscriptionReader)


async def test_reader_uses_the_public_api_where_private_members_are_missing(
    client: redis.asyncio.Redis, pubsub: PubSub, channel: str
) -> None:
    name = channel.encode()
    renamed = SimpleNamespace(connection=object(), get_message=pubsub.get_message)
    reader = open_reader(cast(PubSub, renamed))
    assert isinstance(reader, PublicReader)
    assert await received(reader, 1) == [(b"subscribe", name, 1)]
    for number in range(100):
        await client.publish(channel, str(number))
    assert await received(reader, 100) == [(b"message", name, b"%d" % number) for number in range(100)]
    await client.client_kill_filter(_type="pubsub")
    async with asyncio.timeout(20):
        with pytest.raises(redis.ConnectionError):
            await reader.next()


async def received(reader: PublicReader | SubscriptionReader, number: int) -> list[tuple[object, ...]]:
    messages: list[list[object]] = []
    async with asyncio.timeout(20):
        while len(messages) < number:
            messages += await reader.next()
    return [tuple(message) for message in messages]


async def test_all_that_comes_is_there_in_order_and_subscriptions_are_made_and_left(
    client: redis.asyncio.Redis, pubsub: PubSub, channel: str
) -> None:
    name = channel.encode()
    reader = SubscriptionReader(pubsub)
    assert await received(reader, 1) == [(b"subscribe", name, 1)]
    for number in range(1000):
        await client.publish(channel, str(number))
    assert await received(reader, 1000) == [(b"message", name, b"%d" % number) for number in range(1000)]
    await pubsub.subscribe(f"{channel}-2")
    await pubsub.unsubscribe(channel)
    assert await received(reader, 2) == [(b"subscribe", name + b"-2", 2), (b"unsubscribe", name, 1)]


async def test_what_was_read_before_it_was_made_is_not_lost(
    client: redis.asyncio.Redis, pubsub: PubSub, channel: str
) -> None:
    for number in range(3000):  # more than asyncio's stream holds before it stops reading
        await client.publish(channel, f"{number:>100}")
    reader = SubscriptionReader(pubsub)
    assert len(await received(reader, 3001)) == 3001
    await client.publish(channel, "later")
    assert await received(reader, 1) == [(b"message", channel.encode(), b"later")]


async def test_who_is_late_leaves_the_rest_with_redis(
    client: redis.asyncio.Redis, pubsub: PubSub, channel: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader_module, "MAX_BUFFERED_BYTES", 100_000)
    reader = SubscriptionReader(pubsub)
    for _ in range(300):
        await client.publish(channel, "x" * 10_000)
    assert len(await reader.next()) < 200
    await received(reader, 100)


async def test_the_end_of_the_connection_is_told_after_what_came_before(
    client: redis.asyncio.Redis, pubsub: PubSub, channel: str
) -> None:
    reader = SubscriptionReader(pubsub)
    await received(reader, 1)
    await client.publish(channel, "last")
    await client.client_kill_filter(_type="pubsub")
    assert await received(reader, 1) == [(b"message", channel.encode(), b"last")]
    async with asyncio.timeout(20):
        with pytest.raises(redis.ConnectionError, match="closed the connection"):
            await reader.next()


async def test_redis_py_closes_the_connection_as_before(pubsub: PubSub) -> None:
    SubscriptionReader(pubsub)
    assert pubsub.connection is not None
    await pubsub.connection.disconnect()  # waits for connection_lost, and raises TimeoutError without it


async def test_a_refused_subscription_is_told(client: redis.asyncio.Redis, pubsub: PubSub, channel: str) -> None:
    reader = SubscriptionReader(pubsub)
    await received(reader, 1)
    assert pubsub.connection is not None
    await pubsub.connection.send_command("SUBSCRIBE")
    async with asyncio.timeout(20):
        with pytest.raises(redis.ResponseError, match="wrong number of arguments"):
            await reader.next()


async def test_what_is_no_redis_is_told(pubsub: PubSub) -> None:
    reader = SubscriptionReader(pubsub)
    await received(reader, 1)
    reader.data_received(b"HTTP/1.1 400 Bad Request\r\n")
    async with asyncio.timeout(20):
        with pytest.raises(redis.ResponseError, match="subscription"):
            await reader.next()
