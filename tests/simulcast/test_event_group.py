"""A program of one's own gets every event in order, and goes on where it was, whatever ended it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager

import pytest
import redis.asyncio

import simulcast
from simulcast.broker import Broker
from simulcast.errors import BrokerUnavailable
from simulcast.event_group import Entry, _GroupReader
from simulcast.model.channel import ChannelNames
from simulcast.model.events import complete_event, progress_event
from tests.conditions import until
from tests.valkey import Valkey


@pytest.fixture
async def broker(valkey: Valkey) -> AsyncIterator[Broker]:
    async with aclosing(Broker.connect(valkey.url)) as found:
        yield found


@asynccontextmanager
async def handling(url: str, channel: str, seen: list[object], *types: str) -> AsyncIterator[asyncio.Task[None]]:
    """A program, which is cancelled. What it sees is told by `n`, or by the type."""

    async def handle(event: dict[str, object]) -> None:
        seen.append(event.get("n", event["type"]))

    running = asyncio.create_task(simulcast.on_event(handle, "books", types=types, channel=channel, url=url))
    try:
        yield running
    finally:
        running.cancel()
        await asyncio.wait([running])


async def has_group(client: redis.asyncio.Redis, channel: str) -> None:
    async def groups() -> int:
        return len(await client.xinfo_groups(ChannelNames(channel).history))

    async with asyncio.timeout(60):
        while not await groups():
            await asyncio.sleep(0.02)


async def publish(broker: Broker, channel: str, *numbers: int) -> None:
    for n in numbers:
        await broker.publish({"type": "step", "n": n}, channel)


@asynccontextmanager
async def handling_what_comes_next(
    broker: Broker, client: redis.asyncio.Redis, url: str, channel: str, *types: str
) -> AsyncIterator[list[object]]:
    """A program whose group is there, behind the first event. Gives what it sees."""
    await publish(broker, channel, 0)
    seen: list[object] = []
    async with handling(url, channel, seen, *types):
        await has_group(client, channel)
        yield seen


@pytest.fixture
async def client(valkey: Valkey) -> AsyncIterator[redis.asyncio.Redis]:
    async with redis.asyncio.from_url(valkey.url) as found:
        yield found


async def test_a_new_group_begins_with_what_comes_next_and_goes_on_there(
    broker: Broker, client: redis.asyncio.Redis, valkey: Valkey, channel: str
) -> None:
    async with handling_what_comes_next(broker, client, valkey.url, channel) as seen:
        await publish(broker, channel, 1, 2)
        await until(lambda: seen == [1, 2], "two events")
    await publish(broker, channel, 3, 4)
    async with handling(valkey.url, channel, seen):
        await until(lambda: seen == [1, 2, 3, 4], "what came meanwhile")


async def test_a_channel_without_a_past_is_followed_once_it_has_one(
    broker: Broker, client: redis.asyncio.Redis, valkey: Valkey, channel: str
) -> None:
    seen: list[object] = []
    async with handling(valkey.url, channel, seen):
        async with asyncio.timeout(60):
            while not seen:  # the group may begin behind the first ones
                await publish(broker, channel, -1)
                await asyncio.sleep(0.1)
        await publish(broker, channel, *range(250))
        await until(lambda: seen[-250:] == list(range(250)), "all events in order")


async def test_an_event_that_was_not_finished_comes_again_first(
    broker: Broker, client: redis.asyncio.Redis, valkey: Valkey, channel: str
) -> None:
    await publish(broker, channel, 0)
    seen: list[object] = []

    async def fail(event: dict[str, object]) -> None:
        seen.append(event["n"])
        if event["n"] == 2:
            raise RuntimeError("the books are closed")

    running = asyncio.create_task(simulcast.on_event(fail, "books", channel=channel, url=valkey.url))
    await has_group(client, channel)
    await publish(broker, channel, 1, 2, 3)
    with pytest.raises(RuntimeError, match="the books are closed"):
        await running
    assert seen == [1, 2]
    seen.clear()
    async with handling(valkey.url, channel, seen):
        await until(lambda: seen == [2, 3], "the event that was not finished, and the next one")


async def test_events_whose_reply_was_lost_come_all_the_same(
    broker: Broker, client: redis.asyncio.Redis, valkey: Valkey, channel: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await publish(broker, channel, 0)
    seen: list[object] = []
    read, lost = _GroupReader._read, list[object]()

    async def lose_the_first(reader: _GroupReader, of: redis.asyncio.Redis, start: str) -> list[Entry] | None:
        entries = await read(reader, of, start)
        if entries and not lost:
            lost.extend(entries)
            raise redis.ConnectionError("the connection was cut")
        return entries

    monkeypatch.setattr(_GroupReader, "_read", lose_the_first)
    async with handling(valkey.url, channel, seen):
        await has_group(client, channel)
        await publish(broker, channel, 1)
        await until(lambda: lost, "a reply that is lost")
        await publish(broker, channel, 2)
        await until(lambda: seen == [1, 2], "both events")


async def test_an_event_that_nothing_can_read_is_passed_over(
    broker: Broker, client: redis.asyncio.Redis, valkey: Valkey, channel: str
) -> None:
    async with handling_what_comes_next(broker, client, valkey.url, channel) as seen:
        digits = "1" * 5000
        await client.xadd(ChannelNames(channel).history, {"e": f'- \n{{"n":{digits}}}', "b": "0"})
        await publish(broker, channel, 2)
        await until(lambda: seen == [2], "the next one")


async def test_types_that_nobody_wants_are_passed_over(
    broker: Broker, client: redis.asyncio.Redis, valkey: Valkey, channel: str
) -> None:
    async with handling_what_comes_next(broker, client, valkey.url, channel, "download_complete") as seen:
        await broker.publish(progress_event("a", 0.5, 1), channel)
        await broker.publish(complete_event("a", "/a"), channel)
        await until(lambda: seen == ["download_complete"], "the end alone")


async def test_a_history_that_is_lost_costs_its_events_and_not_the_place(
    broker: Broker, client: redis.asyncio.Redis, valkey: Valkey, channel: str
) -> None:
    async with handling_what_comes_next(broker, client, valkey.url, channel) as seen:
        await publish(broker, channel, 1)
        await until(lambda: seen == [1], "an event")
        await client.delete(ChannelNames(channel).history)
        await publish(broker, channel, 2)
        await until(lambda: seen == [1, 2], "an event of the new history")


async def test_while_redis_is_away_it_waits(own_valkey: Valkey, own_broker: Broker, channel: str) -> None:
    async with (
        redis.asyncio.from_url(own_valkey.url) as client,
        handling_what_comes_next(own_broker, client, own_valkey.url, channel) as seen,
    ):
        await publish(own_broker, channel, 1)
        await until(lambda: seen == [1], "an event")
        own_valkey.kill()
        await asyncio.to_thread(own_valkey.start)
        await publish(own_broker, channel, 2)
        await until(lambda: seen == [1, 2], "an event after the restart")


async def test_what_waiting_does_not_mend_is_raised(client: redis.asyncio.Redis, valkey: Valkey, channel: str) -> None:
    await client.set(ChannelNames(channel).history, "text")
    with pytest.raises(BrokerUnavailable, match="WRONGTYPE"):
        await simulcast.on_event(lambda _: asyncio.sleep(0), "books", channel=channel, url=valkey.url)
    with pytest.raises(ValueError, match="a channel has"):
        await simulcast.on_event(lambda _: asyncio.sleep(0), "a b", url=valkey.url)
