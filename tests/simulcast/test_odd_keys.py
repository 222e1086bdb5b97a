"""A channel whose keys contradict each other, or hold entries of others, the same on every server and topology."""

import re

import pytest
import redis.asyncio

from simulcast.broker import Broker, Head
from simulcast.errors import PositionLost
from simulcast.model.channel import ChannelNames
from simulcast.model.events import progress_event
from simulcast.model.position import Position

META = (
    "epoch",
    "offset",
    "tag",
    "written",
    "trimmed",
    "previous",
    "published",
    "incarnation",
    "alive",
    "snapshot_bytes",
)


@pytest.mark.parametrize("field", META)
async def test_whatever_stands_in_meta_publishing_goes_on_and_gives_no_position_twice(
    broker: Broker, client: redis.asyncio.Redis, channel: str, field: str
) -> None:
    given = [await broker.publish({"n": n}, channel) for n in range(3)]
    values = ("", "0", "1", "abc", "-1", "9999999999999", "1e3", "1 2 3", "nan", "9" * 19, "9" * 30, f"1-{'9' * 30}")
    for value in values:
        await client.hset(ChannelNames(channel).meta, field, value)
        await broker.head(channel)
        given += [await broker.publish(progress_event(value or "x", 0.5, 1), channel) for n in range(2)]
        assert (await broker.head(channel)).position == given[-1]
        await broker.snapshot(channel)
        assert re.fullmatch("[0-9a-f]+", (await broker.head(channel)).tag)
    assert len(set(given)) == 3 + 2 * len(values) and None not in given


@pytest.mark.parametrize("entry_id", ["*", "9007199254740993-7", "18446744073709551615-18446744073709551615"])
async def test_an_entry_of_others_in_the_history_stops_no_publishing(
    broker: Broker, client: redis.asyncio.Redis, channel: str, entry_id: str
) -> None:
    first = await broker.publish({"n": 0}, channel)
    await client.xadd(ChannelNames(channel).history, {"e": "junk"}, id=entry_id)
    positions = [await broker.publish({"n": n}, channel) for n in range(3)]
    assert len({first, *positions}) == 4
    assert (await broker.head(channel)).position == positions[-1]
    _, history, latest, _, ended, ended_at = ChannelNames(channel).stream_keys
    await client.hset(latest, "p junk", "junk")
    await client.hset(ended, "junk", b"\xff")
    await client.zadd(ended_at, {"junk": 9e15})
    await client.zadd(history.replace("history", "deadlines"), {b"\xff": 9e15})
    assert (await broker.snapshot(channel)).publications == []
    assert positions[0] is not None and positions[-1] is not None
    (head,) = await broker.heads({channel: first})
    assert isinstance(head, Head)
    before = Position(positions[0].epoch, 0)
    assert [each.position for each in await broker.history(before, positions[-1], channel)] == positions
    await client.xadd(history, {"f": "junk"}, id=f"{positions[-1].epoch}-4")
    with pytest.raises(PositionLost):
        await broker.history(before, Position(before.epoch, 4), channel)
