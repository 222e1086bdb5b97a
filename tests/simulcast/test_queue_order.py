"""The order of the queue: as it is changed, listed, told and claimed, the same on fakeredis, Valkey and a cluster."""

import asyncio
import random
import time

import pytest
import redis.asyncio

from simulcast.broker import Broker
from simulcast.jobs import Jobs
from simulcast.model.channel import ChannelNames
from simulcast.model.commands import Command
from simulcast.model.job_record import Query
from simulcast.model.queue_place import QueuePlace
from tests.jobs import URL, claim_job, history

BAND = 10_000_000_000_000


async def submit(jobs: Jobs, *ids: str, priority: int = 0) -> None:
    for download_id in ids:
        await jobs.submit(URL, download_id, priority)


def move(download_id: str, side: str, neighbour: str = "", command_id: str = "") -> Command:
    position = {side: neighbour} if neighbour else side
    return Command("move", download_id, command_id, place=QueuePlace.parse(position, download_id))


def prioritize(download_id: str, priority: int) -> Command:
    return Command("prioritize", download_id, priority=priority)


async def listed(jobs: Jobs, limit: int = 100, owner: str = "") -> list[str]:
    """Return the queue as pages of a list have it."""
    ids: list[str] = []
    query = Query(sort="queue", descending=False, limit=limit, owner=owner)
    while True:
        page = await jobs.list(query)
        ids += [record.download_id for record in page.records]
        if page.next_cursor is None:
            return ids
        query = Query(sort="queue", descending=False, limit=limit, owner=owner, cursor=page.next_cursor)


async def told(broker: Broker, channel: str) -> list[str]:
    """Return the queue as a client knows it that got every event."""
    ranks = {
        str(event["download_id"]): float(str(event["queue_rank"]))
        for event in await history(broker, channel)
        if event["type"] == "download_queued"
    }
    return sorted(ranks, key=lambda download_id: (ranks[download_id], download_id))


async def claimed(jobs: Jobs) -> list[str]:
    ids = []
    while lease := await jobs.claim("w1", 30):
        ids.append(lease.record.download_id)
    return ids


@pytest.mark.parametrize(
    ("commands", "order"),
    [
        ([move("d", "before", "b")], "adbc"),
        ([move("a", "after", "c")], "bcad"),
        ([move("c", "first")], "cabd"),
        ([move("d", "first"), move("c", "first")], "cdab"),
        ([move("b", "last")], "acdb"),
        ([move("a", "before", "d"), move("b", "before", "d")], "cabd"),
        ([move("a", "first"), move("d", "last"), move("b", "after", "a")], "abcd"),
        ([prioritize("c", 1)], "cabd"),
        ([prioritize("a", -9), prioritize("d", 9)], "dbca"),
        ([move("d", "first"), prioritize("b", 2), prioritize("b", 0)], "dabc"),
        ([prioritize("c", 3), move("a", "first")], "acbd"),
        ([prioritize("c", 3), move("a", "after", "c"), prioritize("b", 2)], "cabd"),
        ([prioritize("c", -3), move("a", "last")], "bdca"),
    ],
)
async def test_workers_claim_in_the_order_that_lists_and_events_tell(
    commands: list[Command], order: str, jobs: Jobs, broker: Broker, channel: str
) -> None:
    await submit(jobs, *"abcd")
    for command in commands:
        assert await jobs.command(command) is None
    assert await listed(jobs, limit=3) == [*order]
    assert await told(broker, channel) == [*order]
    assert await claimed(jobs) == [*order]


async def test_who_is_put_beside_another_one_gets_its_priority(jobs: Jobs, broker: Broker, channel: str) -> None:
    await submit(jobs, "a")
    await submit(jobs, "b", priority=5)
    assert await jobs.command(move("a", "before", "b", "c1")) is None
    record = await jobs.get("a")
    event = (await history(broker, channel))[-1]
    assert (record.priority, event["priority"], event["command_id"]) == (5, 5, '"c1"'.strip('"'))
    assert event["queue_rank"] == record.queue_rank < (await jobs.get("b")).queue_rank
    await submit(jobs, "c", priority=5)
    assert await claimed(jobs) == [*"abc"]


async def test_a_command_that_changes_nothing_publishes_nothing(jobs: Jobs, broker: Broker, channel: str) -> None:
    await submit(jobs, *"abc")
    count = len(await history(broker, channel))
    for command in (
        *(move("a", "before", "b"), move("b", "after", "a"), move("a", "first"), move("c", "last"), prioritize("b", 0)),
    ):
        assert await jobs.command(command) is None
    assert len(await history(broker, channel)) == count
    for _ in range(2):
        assert await jobs.command(move("c", "first", command_id="c1")) is None
    assert len(await history(broker, channel)) == count + 1
    await jobs.command(move("a", "first"))
    assert await jobs.command(move("c", "first", command_id="c1")) is None
    assert await listed(jobs) == [*"acb"], "a command that is sent again is carried out once"


async def test_only_those_that_wait_are_moved_and_only_beside_such(jobs: Jobs) -> None:
    await submit(jobs, *"abcdef")
    await claim_job(jobs)  # a
    await jobs.finish(await claim_job(jobs), "queued", {"error": "503", "delay_ms": "60000"})  # b
    await jobs.command(Command("pause", "c"))
    await jobs.command(Command("cancel", "d"))
    for download_id in "abcd":
        for command in (move(download_id, "first"), move(download_id, "before", "e"), prioritize(download_id, 1)):
            assert await jobs.command(command) == "invalid_transition"
        refused = move("e", "after", download_id)
        assert await jobs.command(refused) == "not_waiting"
        assert download_id in refused.describe("not_waiting")
    assert await jobs.command(move("e", "after", "nobody")) == "not_waiting"
    assert await jobs.command(move("nobody", "first")) == "unknown_download"
    elsewhere = jobs.in_channel(f"{jobs.channel}-2")
    await submit(elsewhere, "x")
    assert await jobs.command(move("e", "before", "x")) == "not_waiting"
    assert await jobs.command(move("x", "first")) == "unknown_download"
    assert await listed(jobs) == ["e", "f", "b"], "those that wait for their next try are the last"
    assert await jobs.command(move("e", "last")) is None
    assert await claimed(jobs) == ["f", "e"]


async def test_a_download_that_comes_back_takes_the_place_that_it_was_moved_to(jobs: Jobs) -> None:
    await submit(jobs, *"abc")
    await jobs.command(move("c", "first"))
    await jobs.command(Command("pause", "c"))
    await jobs.command(Command("resume", "c"))
    await jobs.finish(await claim_job(jobs), "queued", {})
    assert await claimed(jobs) == [*"cab"]


async def crowd(jobs: Jobs, client: redis.asyncio.Redis, channel: str, ids: list[str], step: float = 0.0) -> None:
    """Queue downloads that stand as close together as a burst of submissions, or `step` ms apart."""
    names = ChannelNames(channel)
    await asyncio.gather(*(jobs.submit(URL, download_id) for download_id in ids))
    first = round(time.time() * 1000) - 60_000
    async with client.pipeline(transaction=False) as pipe:
        for number, download_id in enumerate(ids):
            rank = f"{first + number * step:.6f}"
            pipe.hset(f"{names.job_prefix}{download_id}", "rank", rank)
            pipe.zadd(names.job_keys[1], {download_id: rank})
        await pipe.execute()


async def test_a_place_is_made_between_downloads_of_one_millisecond(
    jobs: Jobs, client: redis.asyncio.Redis, channel: str, broker: Broker
) -> None:
    ids = [f"{number:02}" for number in range(30)]
    await crowd(jobs, client, channel, ids)
    await submit(jobs, "last")
    assert await jobs.command(move("last", "before", "20")) is None
    order = [*ids[:20], "last", *ids[20:]]
    assert await listed(jobs, limit=7) == order
    events = (await history(broker, channel))[31:]
    assert len(events) == 11, "of those that were shifted too"
    assert await jobs.command(move("00", "after", "10")) is None
    order.remove("00")
    order.insert(order.index("10") + 1, "00")
    assert await listed(jobs, limit=7) == order
    assert await claimed(jobs) == order


async def test_any_number_is_put_into_one_gap_and_the_work_is_bounded(
    jobs: Jobs, client: redis.asyncio.Redis, channel: str, broker: Broker
) -> None:
    ids = [f"{number:04}" for number in range(1_100)]
    await crowd(jobs, client, channel, ids, step=1 / 64)
    await submit(jobs, "x", "y")
    count = (await broker.head(channel)).position.offset
    refused = move("x", "before", "0550")
    assert await jobs.command(refused) == "conflict"
    assert "another place" in refused.describe("conflict")
    assert (await broker.head(channel)).position.offset == count
    assert (await listed(jobs, limit=500))[-2:] == ["x", "y"], "it stands where it stood"
    for neighbour in ("0100", "1000"):
        assert await jobs.command(move("x", "before", neighbour)) is None
    order = await listed(jobs, limit=500)
    assert order == [*ids[:1000], "x", *ids[1000:], "y"]


async def test_the_queue_of_one_owner_and_a_search_keep_its_order(jobs: Jobs) -> None:
    for number in range(6):
        await jobs.submit(f"http://example.com/{number}", str(number), owner="ada" if number % 2 else "bob")
    await jobs.command(move("5", "first"))
    assert await listed(jobs, limit=2, owner="ada") == ["5", "1", "3"]
    page = await jobs.list(Query(sort="queue", owner="ada", offset=1, limit=1))
    assert ([record.download_id for record in page.records], page.total) == (["1"], 3)
    assert (await jobs.list(Query(sort="queue", state="paused"))).total == 0
    found = await jobs.list(Query(sort="queue", descending=False, search="4"))
    assert [record.download_id for record in found.records] == ["4"]


@pytest.mark.parametrize("seed", range(2))
async def test_any_moves_leave_the_order_that_a_list_would_have(
    seed: int, jobs: Jobs, broker: Broker, channel: str
) -> None:
    chooser = random.Random(seed)
    ids = [f"{number:02}" for number in range(12)]
    expected: list[tuple[int, str]] = []
    for download_id in ids:
        priority = chooser.randint(-1, 1)
        await submit(jobs, download_id, priority=priority)
        expected.append((priority, download_id))
    expected.sort(key=lambda item: -item[0])
    for _ in range(60):
        download_id = chooser.choice(ids)
        side = chooser.choice(["first", "last", "before", "after"])
        others = [item for item in expected if item[1] != download_id]
        ends = {"first": expected[0], "last": expected[-1]}
        beside = ends.get(side) or chooser.choice(others)
        command = move(download_id, side, "" if side in ends else beside[1])
        assert await jobs.command(command) is None
        if beside[1] != download_id:
            index = others.index(beside) + (side in ("after", "last"))
            expected = [*others[:index], (beside[0], download_id), *others[index:]]
    order = [download_id for _, download_id in expected]
    assert await listed(jobs, limit=5) == order
    assert await told(broker, channel) == order
    assert [(await jobs.get(download_id)).priority for download_id in order] == [priority for priority, _ in expected]
    assert await claimed(jobs) == order
