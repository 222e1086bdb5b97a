"""Questions that many channels or clients share, over a Redis of plain lists."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any, cast

import pytest
import redis.asyncio

from simulcast.broker import Head, Snapshot
from simulcast.cancellation import cancel_and_wait
from simulcast.errors import BrokerUnavailable
from simulcast.frontend.fanout.counters import Counters
from simulcast.frontend.fanout.feed import Feed
from simulcast.frontend.ingest import backfill
from simulcast.frontend.ingest.connection import SubscribedConnection
from simulcast.frontend.ingest.listener import MAX_HEADS_PER_CALL, MAX_IDLE_POLLED, START_TIMEOUT_S, Listener
from simulcast.model.position import Position
from simulcast.model.publication import Publication
from simulcast.store.topology import Topology
from tests.clocks import Clock
from tests.conditions import until
from tests.fake_clients import Socket, make_hub
from tests.redis_model import FakeBroker, RedisModel


class CountingBroker(FakeBroker):
    """Counts questions. `heads` of several channels are one."""

    def __init__(self, server: RedisModel) -> None:
        super().__init__(server)
        self.asked: list[list[str]] = []  # channels, by question for heads
        self.others = 0
        self.bytes_read = 0
        self.turns = 3

    async def heads(self, channels: Mapping[str, Position | None]) -> list[Head | BrokerUnavailable]:
        self.asked.append(list(channels))
        return await super().heads(channels)

    async def snapshot(self, channel: str = "") -> Snapshot:
        self.others += 1
        return await super().snapshot(channel)

    async def _range(self, channel: str, first: str, last: str, limit: int) -> list[Publication]:
        self.others += 1
        page = await super()._range(channel, first, last, limit)
        self.bytes_read += sum(len(publication.payload) for publication in page)
        return page


@asynccontextmanager
async def listening(broker: CountingBroker, channels: Sequence[str]) -> AsyncIterator[tuple[Listener, Clock]]:
    """Poll for a listener whose subscriptions are confirmed."""
    clock = Clock()
    topology = Topology(redis.asyncio.Redis())
    listener = Listener(broker, topology, Counters(clock), lambda: None, cast(Any, None))
    listener._connection = cast(SubscribedConnection, object())
    for channel in channels:
        listener.add(channel, Feed(make_hub(clock)))
        listener.confirm(topology.names(channel).pubsub.encode())
    async with asyncio.TaskGroup() as group:
        poll = group.create_task(listener._poll(await topology.client_for(""), group))
        started = [subscription.started for subscription in listener._subscriptions.values()]
        await until(lambda: all(event.is_set() for event in started), "the start")
        broker.asked.clear()
        yield listener, clock
        await cancel_and_wait([poll])


async def test_a_crowd_with_positions_of_another_epoch_shares_a_question() -> None:
    broker = CountingBroker(RedisModel(Clock()))
    async with listening(broker, ["downloads"]) as (listener, _):
        await asyncio.gather(*(listener.catch_up("downloads") for _ in range(900)))
        assert len(broker.asked) <= 2


async def test_channels_that_begin_together_are_asked_for_together_and_idle_ones_in_turn() -> None:
    channels = [f"c{number}" for number in range(MAX_HEADS_PER_CALL + 10)]
    broker = CountingBroker(RedisModel(Clock()))
    async with listening(broker, channels) as (listener, clock):
        for channel in channels:
            listener._request(channel)
        await until(lambda: not listener._due, "the heads")
        assert [len(question) for question in broker.asked] == [MAX_HEADS_PER_CALL, 10]
        broker.asked.clear()
        seen: set[str] = set()
        for _ in range(-(-len(channels) // MAX_IDLE_POLLED)):
            clock.advance(1)
            listener._wake.set()
            await until(lambda: bool(broker.asked), "a round")
            (question,) = broker.asked
            assert len(question) == MAX_IDLE_POLLED
            seen |= set(question)
            broker.asked.clear()
        assert seen == set(channels)


async def test_a_server_that_confirms_no_subscription_is_given_up_though_it_answers() -> None:
    async with listening(CountingBroker(RedisModel(Clock())), ["first"]) as (listener, clock):
        connection = cast(SubscribedConnection, SimpleNamespace(subscribe=lambda names, is_sharded: None))
        subscribing = asyncio.create_task(listener._subscribe_to_new(connection))
        listener.add("late", Feed(make_hub(clock)))
        await until(lambda: b"late" in b"".join(listener._unconfirmed), "a subscription that was requested")
        client = await listener._servers.client_for("late")
        clock.advance(START_TIMEOUT_S + 0.1)
        async with asyncio.TaskGroup() as group:
            with pytest.raises(BrokerUnavailable, match="confirms no subscription"):
                await listener._poll_in_turn(client, group)
            for name in list(listener._unconfirmed):
                listener.confirm(name)
            await listener._poll_in_turn(client, group)
        await cancel_and_wait([subscribing])


async def test_a_server_that_lost_everything_is_noticed_in_all_idle_channels_within_a_round() -> None:
    """FLUSHALL ends no connection, and no publication tells of it."""
    channels = [f"c{number}" for number in range(3 * MAX_IDLE_POLLED)]
    server = RedisModel(Clock())
    server.publish("s", "a", 5)
    async with listening(CountingBroker(server), channels) as (listener, clock):
        feeds = [subscription.feed for subscription in listener._subscriptions.values()]
        sockets = [Socket(feed.hub) for feed in feeds]
        for socket in sockets:
            socket.hub.join(socket.client)
        server.flush_all()
        clock.advance(1)
        listener._wake.set()
        await until(lambda: not any(feed.hub.clients for feed in feeds), "the end of all clients", 10)
        await until(lambda: {feed.position for feed in feeds} == {server.position}, "the new epoch")


async def test_a_restart_that_lost_nothing_is_known_from_the_head_alone() -> None:
    server = RedisModel(Clock())
    broker = CountingBroker(server)
    async with listening(broker, ["downloads"]) as (listener, _):
        server.publish("s", "a", 5)
        await listener.catch_up("downloads")
        feed = listener._subscriptions["downloads"].feed
        kept = feed.snapshot.entries()
        server.fail_over(0)
        broker.others = 0
        await listener.catch_up("downloads")
        assert (broker.others, len(broker.asked), feed.position) == (0, 2, server.position)
        assert feed.snapshot.entries() == kept != []


async def test_a_channel_with_a_large_history_is_joined_without_reading_all_of_it() -> None:
    server = RedisModel(Clock())
    for _ in range(400):
        server.publish("-", "", 50_000)
    broker = CountingBroker(server)
    async with listening(broker, ["downloads"]) as (listener, _):
        assert broker.bytes_read < backfill.PRELOAD_BYTES + backfill._FIRST_PAGE_SIZE * 60_000
        feed = listener._subscriptions["downloads"].feed
        assert feed.log.cursor_after(server.position.offset - 10) is not None
        assert feed.log.cursor_after(1) is None


async def test_the_messages_of_a_read_are_flushed_together_before_others_have_a_turn() -> None:
    flushed_after: list[int] = []
    counters = Counters(Clock())
    nothing = cast(Any, None)
    listener = Listener(
        nothing, Topology(redis.asyncio.Redis()), counters, lambda: flushed_after.append(counters.received), nothing
    )
    reads = [[[b"message", b"unknown", b"a"], [b"message", b"unknown", b"b"]]]
    never = asyncio.Event()

    async def next_read() -> list[list[bytes]]:
        if not reads:
            await never.wait()
        return reads.pop()

    reading = asyncio.create_task(listener._read(cast(SubscribedConnection, SimpleNamespace(next=next_read))))
    await asyncio.sleep(0)
    assert flushed_after == [2]
    await cancel_and_wait([reading])
