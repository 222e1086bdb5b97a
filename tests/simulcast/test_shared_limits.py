"""The limits of all workers in Redis, and the part that each of them gets."""

import random
from collections.abc import AsyncIterator
from contextlib import aclosing

import pytest
import redis.asyncio

from simulcast.broker import Broker
from simulcast.errors import BrokerUnavailable
from simulcast.model.limits import NO_LIMITS, Allowed, Limits, Period
from simulcast.shared_limits import LimitStore, Part
from tests.conditions import eventually
from tests.conftest import Servers

TTL_S = 60.0


@pytest.fixture
async def admin(servers: Servers, broker: Broker) -> AsyncIterator[redis.asyncio.Redis]:
    async with aclosing(servers.topology()) as topology:
        client = await topology.client_for("downloads")
        await client.delete(*broker.names().limit_keys)
        yield client
        await client.delete(*broker.names().limit_keys)


@pytest.fixture
async def store(servers: Servers, broker: Broker, admin: redis.asyncio.Redis) -> AsyncIterator[LimitStore]:
    async with aclosing(servers.topology()) as topology:
        yield LimitStore(topology, broker)


class Caller:
    """One that knows the limits of its last call."""

    def __init__(self, store: LimitStore, name: str) -> None:
        self.store = store
        self.name = name
        self.version, self.limits, self.running = "", NO_LIMITS, 0
        self.speed: int | None = None

    async def call(self, ttl_s: float = TTL_S, *, begins: bool = False) -> Part:
        running, allowed = self.running + begins, self.limits.at(0)
        part = await self.store.share(self.name, ttl_s, self.version, allowed, running, begins=begins)
        self.version, self.speed = part.version, part.speed
        if part.changed is not None:
            self.limits = part.changed
        return part


async def test_limits_are_read_as_they_were_set_and_workers_get_them_once(store: LimitStore) -> None:
    assert await store.read() == NO_LIMITS
    limits = Limits(max_speed=7, timezone="Europe/Berlin", timetable=(Period(start="22:00", end="06:00"),))
    await store.set(limits)
    worker = Caller(store, "a")
    first, second = await worker.call(), await worker.call()
    assert await store.read() == first.changed == limits and second.changed is None
    await store.set(NO_LIMITS)
    assert (await worker.call()).changed == NO_LIMITS and (await worker.call()).speed is None


async def test_each_worker_gets_the_share_of_what_it_runs_and_a_lost_one_gives_its_own_back(store: LimitStore) -> None:
    await store.set(Limits(max_speed=1000))
    a, b = Caller(store, "a"), Caller(store, "b")
    a.running, b.running = 3, 1
    for worker in (a, b):
        await worker.call()
        await worker.call()
    assert (a.speed, b.speed) == (1000, 0)  # what a has is not given twice
    assert [(await worker.call()).speed for worker in (a, b)] == [750, 250]
    a.running = 1
    assert [(await worker.call()).speed for worker in (a, b)] == [500, 500]
    await a.call(ttl_s=0.05)

    async def has_all() -> bool:
        return (await b.call(ttl_s=0.05)).speed == 1000

    await eventually(has_all, "the share of a worker that calls no more")
    await b.store.leave("b")
    a.running = 5
    assert ((await a.call()).speed, (await a.call()).share) == (1000, 1.0)


@pytest.mark.parametrize("seed", range(2))
async def test_workers_never_have_more_than_all_of_them_may(store: LimitStore, seed: int) -> None:
    rng = random.Random(seed)
    workers = [Caller(store, name) for name in "abc"]
    await store.set(Limits(max_speed=1000, max_downloads=6))
    for worker in workers:
        await worker.call()
    for _ in range(150):
        worker = rng.choice(workers)
        if rng.random() < 0.5:
            worker.running += (await worker.call(begins=True)).may_begin
        else:
            worker.running -= rng.random() < 0.6 and worker.running > 0
            await worker.call()
        assert sum(each.running for each in workers) <= 6
        assert sum(each.speed or 0 for each in workers) <= 1000
    for worker in workers * 2:
        await worker.call()
    total = sum(worker.running for worker in workers)
    fair = [1000 * worker.running // max(1, total) for worker in workers]
    assert [worker.speed for worker in workers] == pytest.approx(fair, abs=1)


async def test_a_worker_that_knows_other_limits_begins_nothing_before_it_has_these(store: LimitStore) -> None:
    a, b = Caller(store, "a"), Caller(store, "b")
    a.running = (await a.call(begins=True)).may_begin
    await store.set(Limits(max_downloads=2))
    assert not (await b.call(begins=True)).may_begin
    b.running += (await b.call(begins=True)).may_begin
    assert (a.running, b.running) == (1, 1) and not (await b.call(begins=True)).may_begin
    await store.set(Limits(max_downloads=0))
    b.running = 0
    assert not (await b.call(begins=True)).may_begin and not (await b.call(begins=True)).may_begin


async def test_every_key_has_an_end(store: LimitStore, admin: redis.asyncio.Redis, broker: Broker) -> None:
    await store.set(Limits(max_speed=1))
    await Caller(store, "a").call()
    text, parts, until = [await admin.pttl(key) for key in broker.names().limit_keys]
    assert 0 < parts <= 10 * TTL_S * 1000 and 0 < until <= 10 * TTL_S * 1000
    assert 365 * 24 * 3600 * 1000 < text <= 366 * 24 * 3600 * 1000


@pytest.mark.parametrize("text", [b"v\n{", b'v\n{"later":1}', b'v\n{"timezone":"Mars/Olympus"}', b"v\n\xff"])
async def test_limits_that_this_version_can_not_read_are_named(
    text: bytes, store: LimitStore, admin: redis.asyncio.Redis, broker: Broker
) -> None:
    await admin.set(broker.names().limit_keys[0], text)
    with pytest.raises(BrokerUnavailable, match=r"the limits in Redis can't be read .*: set them again"):
        await store.read()
    with pytest.raises(BrokerUnavailable, match="set them again"):
        await store.share("a", TTL_S, "", Allowed(), 0, begins=False)
    await store.set(NO_LIMITS)
    assert await store.read() == NO_LIMITS


async def test_a_part_that_another_program_wrote_is_none(
    store: LimitStore, admin: redis.asyncio.Redis, broker: Broker
) -> None:
    await store.set(Limits(max_speed=10))
    await admin.hset(broker.names().limit_keys[1], mapping={"x": "what", "y": "1e9 5"})
    worker = Caller(store, "a")
    worker.running = 1
    await worker.call()
    assert (await worker.call()).speed == 10
