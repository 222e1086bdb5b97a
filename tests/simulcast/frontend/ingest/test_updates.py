"""Updates of feeds, and the end of the session that they belong to."""

import asyncio
from contextlib import suppress

import pytest

from simulcast.frontend.fanout.feed import Feed
from simulcast.frontend.ingest.subscription import Subscription
from simulcast.frontend.ingest.updates import MAX_CONCURRENT_BACKFILLS, FeedUpdates
from simulcast.model.channel import ChannelNames
from tests.clocks import Clock
from tests.conditions import until
from tests.fake_clients import make_hub
from tests.redis_model import FakeBroker, RedisModel


async def test_a_head_that_comes_as_the_session_ends_is_no_error_of_its_channel() -> None:
    clock, errors = Clock(), list[Exception]()
    server = RedisModel(clock)
    server.publish("p", "a", 5)
    subscription = Subscription(Feed(make_hub(clock)), ChannelNames("downloads"))
    updates = FeedUpdates(FakeBroker(server), lambda _: None, lambda _, error: errors.append(error))

    async def fail() -> None:
        raise OSError

    async def read_head() -> None:
        with suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
        updates.bring_to(subscription, server.head, group)

    with suppress(BaseExceptionGroup):
        async with asyncio.TaskGroup() as group:
            group.create_task(read_head())
            await asyncio.sleep(0)
            group.create_task(fail())
    assert not errors
    assert not subscription.reconciling


async def test_only_so_many_channels_are_read_from_redis_simultaneously(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, server = Clock(), RedisModel(Clock())
    server.publish("p", "a", 5)
    updates = FeedUpdates(FakeBroker(server), lambda _: None, lambda _, __: None)
    running = peak = done = 0

    async def reconcile(*_: object) -> None:
        nonlocal running, peak, done
        running += 1
        peak = max(peak, running)
        await asyncio.sleep(0)
        running, done = running - 1, done + 1

    monkeypatch.setattr(updates._backfill, "reconcile", reconcile)
    channels = 3 * MAX_CONCURRENT_BACKFILLS
    async with asyncio.TaskGroup() as group:
        for number in range(channels):
            updates.bring_to(Subscription(Feed(make_hub(clock)), ChannelNames(f"c{number}")), server.head, group)
        await until(lambda: done == channels, "all of them")
    assert peak == MAX_CONCURRENT_BACKFILLS
