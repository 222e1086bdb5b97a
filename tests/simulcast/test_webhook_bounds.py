"""Ends that wait for addresses are bounded, in number, in bytes and in time."""

from contextlib import aclosing
from typing import cast

import pytest
import redis.asyncio

from simulcast.broker import Broker
from simulcast.store.factory import topology_from_url
from simulcast.store.topology import Topology
from simulcast.webhooks import Webhooks
from tests.valkey import Valkey
from tests.webhook_deliveries import A, B, key_of, make_due, publish_end, take, targets

DAY_MS = 24 * 3600 * 1000


@pytest.fixture
def webhooks(topology: Topology) -> Webhooks:
    return Webhooks(topology, [A])


async def test_every_key_ends_and_none_is_left_once_all_is_told(
    webhooks: Webhooks, broker: Broker, client: redis.asyncio.Redis, channel: str
) -> None:
    await publish_end(broker, channel, "a")
    assert 0 < await client.pttl(key_of(channel, "ends")) <= DAY_MS
    (delivery,) = await take(webhooks, channel)
    await webhooks.retry(delivery, 1, 1, "no")
    names = [name.decode() for name in cast(list[bytes], await client.keys(key_of(channel, "webhook_*")))]
    assert len(names) == 5
    for name in names:
        assert DAY_MS < await client.pttl(name) <= 2 * DAY_MS
    await make_due(client, channel)
    (delivery,) = await take(webhooks, channel)
    await webhooks.settle(delivery, is_delivered=False)
    assert await client.keys(key_of(channel, "webhook_*")) == []
    assert await client.exists(key_of(channel, "ends")) == 0
    assert (await webhooks.take(channel, 100, {})).next_s is None


async def test_an_address_without_room_loses_what_is_new_and_the_others_nothing(
    topology: Topology, broker: Broker, client: redis.asyncio.Redis, channel: str
) -> None:
    await client.hset(key_of(channel, "webhook_bytes"), A, 8 * 1024 * 1024 - 1000)
    await publish_end(broker, channel, "small")
    await publish_end(broker, channel, "large", size=2000)
    taken = await Webhooks(topology, [A, B]).take(channel, 100, {})
    assert sorted(targets(taken.deliveries)) == [(A, "small"), (B, "large"), (B, "small")]
    assert taken.dropped == 1


async def test_a_full_redis_keeps_little_for_an_address_that_is_away(
    own_valkey: Valkey, own_broker: Broker, channel: str
) -> None:
    async with redis.asyncio.from_url(own_valkey.url) as client, aclosing(topology_from_url(own_valkey.url)) as servers:
        await publish_end(own_broker, channel, "a")
        await publish_end(own_broker, channel, "b")
        await client.set("ballast", b"x" * 70 * 1024 * 1024)
        await client.hset(key_of(channel, "webhook_bytes"), A, 1024 * 1024 - 500)
        await client.config_set("maxmemory", 64 * 1024 * 1024)
        await own_broker.head(channel)  # which reads the memory
        taken = await Webhooks(servers, [A, B]).take(channel, 100, {})
    assert sorted(targets(taken.deliveries)) == [(A, "a"), (B, "a"), (B, "b")]
    assert taken.dropped == 1


async def test_an_address_of_which_redis_lost_the_sum_goes_on_and_the_sum_ends(
    webhooks: Webhooks, broker: Broker, client: redis.asyncio.Redis, channel: str
) -> None:
    await publish_end(broker, channel, "a")
    await publish_end(broker, channel, "b")
    first, second = await take(webhooks, channel)
    await client.delete(key_of(channel, "webhook_bytes"))
    await webhooks.settle(first, is_delivered=True)
    assert await client.exists(key_of(channel, "webhook_bytes")) == 0
    await publish_end(broker, channel, "c")
    await take(webhooks, channel)
    await client.hset(key_of(channel, "webhook_bytes"), A, 1)
    await webhooks.settle(second, is_delivered=True)
    assert await client.hget(key_of(channel, "webhook_bytes"), A) == b"0"


async def test_ends_that_nobody_takes_are_bounded_in_bytes_and_the_newest_stay(
    webhooks: Webhooks, broker: Broker, client: redis.asyncio.Redis, channel: str
) -> None:
    for n in range(90):
        await publish_end(broker, channel, f"k{n}", n, 60_000)
    texts = await client.lrange(key_of(channel, "ends"), 0, -1)
    assert 3 * 1024 * 1024 < sum(map(len, texts)) <= 4 * 1024 * 1024 + 61_000
    assert b"\n" in texts[-1] and b'"n":89' in texts[-1]


async def test_ends_that_nobody_takes_are_bounded_in_number(
    broker: Broker, client: redis.asyncio.Redis, channel: str
) -> None:
    async with client.pipeline(transaction=False) as pipe:
        for n in range(10_000):
            pipe.rpush(key_of(channel, "ends"), f"{n} \n1-{n} e::: a\n{{}}")
        await pipe.execute()
    for n in range(3):
        await publish_end(broker, channel, f"k{n}")
    assert await client.llen(key_of(channel, "ends")) == 10_000
