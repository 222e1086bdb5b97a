"""Redis is bounded in sum: by bytes for each channel and for the queue, and by the time of each key."""

import random
from collections.abc import AsyncIterator
from typing import cast

import pytest
import redis.asyncio

from simulcast.broker import Broker
from simulcast.errors import BrokerUnavailable
from simulcast.jobs import Jobs
from simulcast.model.channel import ChannelNames
from simulcast.model.commands import Command
from simulcast.model.download_options import DownloadOptions
from simulcast.model.processes import WorkerRecord
from simulcast.process_registry import ProcessRegistry
from simulcast.store import functions
from tests.conditions import DEADLINE_S, retry_while_unavailable
from tests.jobs import claim_job
from tests.older_release import changed_library
from tests.valkey import Valkey

MAX_MEMORY = 16 * 1024 * 1024
CHANNEL_BYTES = MAX_MEMORY // 8  # of a history, and of a snapshot
QUEUE_BYTES = MAX_MEMORY // 4
DAY_MS = 24 * 3600 * 1000
UNUSED_MS = 600_000
TYPES = ("download_progress", "download_started", "download_complete", "x")


@pytest.fixture
async def small(own_valkey: Valkey, own_broker: Broker) -> AsyncIterator[redis.asyncio.Redis]:
    """A Redis with little memory, which a front-end has polled."""
    own_valkey.equip(["--maxmemory", str(MAX_MEMORY), "--appendonly", "no"])
    own_valkey.stop()
    own_valkey.start()
    await own_broker.head()
    async with redis.asyncio.from_url(own_valkey.url, protocol=2) as client:
        yield client


def draw_event(rng: random.Random) -> dict[str, object]:
    size = rng.choice((10, 300, 60_000))
    event_type = rng.choice(TYPES)
    return {
        "type": event_type,
        "download_id": str(rng.randrange(60)),
        "progress": 0.5,
        "file_path": "/a",
        "text": "y" * size,
    }


async def history_bytes(client: redis.asyncio.Redis, names: ChannelNames) -> int:
    entries = cast(list[tuple[bytes, dict[bytes, bytes]]], await client.xrange(names.history))
    return sum([len(fields[b"e"]) for _, fields in entries])


@pytest.mark.parametrize("seed", range(3))
async def test_history_and_snapshot_keep_their_bytes_whatever_is_published_and_whatever_redis_evicts(
    own_broker: Broker, small: redis.asyncio.Redis, seed: int
) -> None:
    rng, names = random.Random(seed), ChannelNames("c")
    _, _, latest, _, ended, _ = names.stream_keys
    for n in range(400):
        await own_broker.publish(draw_event(rng), "c")
        if rng.random() < 0.5:
            await own_broker.head("c")  # a front-end polls
        if rng.random() < 0.03:
            await small.delete(rng.choice(names.stream_keys))
        if n % 10 == 9:
            # The first event of a key corrects what Redis took away.
            await own_broker.publish({**draw_event(rng), "type": "download_started", "download_id": f"new-{n}"}, "c")
            entries = await small.hvals(latest) + await small.hvals(ended)
            size = sum(map(len, entries))
            assert await number(small, names.meta, "snapshot_bytes") == size <= CHANNEL_BYTES
            assert await history_bytes(small, names) <= CHANNEL_BYTES
    head = (await own_broker.head("c")).position
    assert await own_broker.tail(head, 10, "c")


async def test_small_events_leave_room_for_a_burst_of_large_ones(
    own_broker: Broker, small: redis.asyncio.Redis
) -> None:
    for n in range(500):
        await own_broker.publish({"type": "x", "n": n}, "c")
    for n in range(100):
        event = {"type": "download_progress", "download_id": f"{n}", "progress": 0.5, "text": "y" * 60_000}
        await own_broker.publish(event, "c")
        if n % 10:
            continue
        assert await history_bytes(small, ChannelNames("c")) <= CHANNEL_BYTES
        assert (await small.info("memory"))["used_memory"] < MAX_MEMORY


async def test_a_history_of_an_older_version_is_bounded_too(own_broker: Broker, small: redis.asyncio.Redis) -> None:
    names = ChannelNames("c")
    await own_broker.publish({"type": "x"}, "c")
    epoch = (await own_broker.head("c")).position.epoch
    for n in range(2, 30):
        await small.xadd(names.history, {"e": b"- \n" + b"y" * 50_000}, id=f"{epoch}-{n}")
        await small.hset(names.meta, "offset", n)
    for _ in range(60):
        await own_broker.publish({"type": "x", "text": "y" * 60_000}, "c")
    assert await history_bytes(small, names) <= CHANNEL_BYTES


async def ttls(client: redis.asyncio.Redis) -> dict[str, int]:
    """Return the remaining ms of each key, -1 for one that stays."""
    keys = cast(list[bytes], await client.keys("*"))
    return {key.decode(): await client.pttl(key) for key in keys}


async def number(client: redis.asyncio.Redis, key: str, field: str) -> int:
    """Return the number in a hash, 0 if there is none."""
    return int(await client.hget(key, field) or 0)


async def test_a_channel_that_was_only_named_leaves_nothing_after_ten_minutes(
    own_broker: Broker, small: redis.asyncio.Redis
) -> None:
    for n in range(20):
        await own_broker.snapshot(f"made-up-{n}")
    assert len(remaining := await ttls(small)) == 21  # with the one that the front-end follows
    assert all(0 < ttl <= UNUSED_MS for ttl in remaining.values())


async def test_every_key_of_a_channel_expires_two_weeks_after_its_last_use(
    own_broker: Broker, small: redis.asyncio.Redis
) -> None:
    for event_type in TYPES:
        for download_id in ("of", event_type):
            event = {"type": event_type, "download_id": download_id, "progress": 0.5, "file_path": "/a"}
            await own_broker.publish(event, "c", idempotency_key=event_type + download_id)
    keys = ChannelNames("c").stream_keys
    remaining = await ttls(small)
    assert set(keys) <= remaining.keys()
    assert all(0 < ttl <= 14 * DAY_MS for ttl in remaining.values())
    assert all(remaining[key] > 13 * DAY_MS for key in keys)
    for key in keys:
        await small.pexpire(key, 5 * DAY_MS)
    await own_broker.head("c")  # a front-end follows it
    remaining = await ttls(small)
    assert all(remaining[key] > 13 * DAY_MS for key in keys)


async def test_what_is_new_where_memory_runs_short_expires_after_ten_minutes(
    own_broker: Broker, small: redis.asyncio.Redis
) -> None:
    await own_broker.publish({"type": "download_started", "download_id": "a"}, "old")
    n = 0
    while (await small.info("memory"))["used_memory"] < MAX_MEMORY * 0.8:
        n += 1
        await own_broker.publish({"type": "x", "text": "y" * 60_000}, f"flood-{n}")
    await own_broker.head()
    await own_broker.publish({"type": "download_started", "download_id": "a"}, "new")
    await own_broker.publish({"type": "download_started", "download_id": "a"}, "old")
    remaining = await ttls(small)
    assert all(0 < remaining[key] <= UNUSED_MS for key in ChannelNames("new").stream_keys[:4])
    assert all(remaining[key] > 13 * DAY_MS for key in ChannelNames("old").stream_keys[:4])


async def test_only_downloads_have_keys_that_stay(
    own_valkey: Valkey, own_broker: Broker, own_jobs: Jobs, small: redis.asyncio.Redis
) -> None:
    registry = ProcessRegistry.connect(own_valkey.url)
    record = WorkerRecord(name="h:1", version="1", started_at=0, running=0, max_downloads=1, bytes_per_s=0)
    await registry.heartbeat(record, {"received_bytes": 1})
    await registry.aclose()
    for download_id in "abc":
        await own_jobs.submit("http://example.com/a", download_id)
    await own_jobs.finish(await claim_job(own_jobs), "complete", {})
    await claim_job(own_jobs)
    await own_jobs.command(Command("delete", "a"))
    staying = {key.partition("}:")[2].partition(":")[0] for key, ttl in (await ttls(small)).items() if ttl == -1}
    assert staying <= {"jobs", "jobs_by_creation", "jobs_by_change", "ready", "leases", "done", "job", "links"}
    for download_id in "bc":
        await own_jobs.command(Command("cancel", download_id))


async def submit(jobs: Jobs, rng: random.Random) -> str:
    headers = {f"x-{n}": "v" * 4000 for n in range(rng.choice((0, 3, 15)))}
    options = DownloadOptions.model_validate({"headers": headers})
    return (await jobs.submit(f"http://example.com/{rng.random()}", options=options)).download_id


async def test_the_queue_is_bounded_in_bytes_and_what_is_deleted_makes_room(
    own_jobs: Jobs, small: redis.asyncio.Redis
) -> None:
    rng = random.Random(0)
    ids: list[str] = []

    async def fill() -> None:
        while True:
            ids.append(await submit(own_jobs, rng))

    with pytest.raises(BrokerUnavailable, match="fill their part of Redis: clear or delete some"):
        await fill()
    records = [key async for key in small.scan_iter("*:job:*")]
    assert QUEUE_BYTES / 2 < sum([await small.memory_usage(key, samples=0) or 0 for key in records]) < QUEUE_BYTES * 1.5
    for download_id in ids:
        assert await own_jobs.command(Command("delete", download_id)) is None
    assert await small.hget(ChannelNames().meta, "queue_bytes") == b"0"
    await submit(own_jobs, rng)


async def test_the_queues_of_all_channels_leave_room_for_the_events_of_their_downloads(
    own_broker: Broker, own_valkey: Valkey, small: redis.asyncio.Redis
) -> None:
    rng = random.Random(4)

    async def fill() -> None:
        for n in range(100):
            jobs = Jobs.connect(own_valkey.url, own_broker, f"user.{n}")
            try:
                for _ in range(20):
                    await submit(jobs, rng)
                    await own_broker.head()  # as a front-end polls
            finally:
                await jobs.aclose()

    with pytest.raises(BrokerUnavailable, match="Redis is nearly full: clear or delete some"):
        await fill()
    assert (await small.info("memory"))["used_memory"] < MAX_MEMORY * 0.95
    await own_broker.publish({"type": "x"}, "user.0")


async def test_the_queue_is_bounded_in_number(own_jobs: Jobs) -> None:
    text = functions._body()
    assert "MAX_JOBS = 200000" in text
    with changed_library(text.replace("MAX_JOBS = 200000", "MAX_JOBS = 2")):
        first, _ = [await own_jobs.submit(f"http://example.com/{n}") for n in range(2)]
        with pytest.raises(BrokerUnavailable, match="QUEUEFULL"):
            await own_jobs.submit("http://example.com/2")
        assert (await own_jobs.submit("http://example.com/0", first.download_id)).existing
        assert await own_jobs.command(Command("delete", first.download_id)) is None
        await own_jobs.submit("http://example.com/2")


async def test_the_bytes_of_the_queue_are_right_whatever_redis_loses(
    own_jobs: Jobs, small: redis.asyncio.Redis
) -> None:
    rng, names, ids = random.Random(1), ChannelNames(), []
    for _ in range(60):
        ids.append(await submit(own_jobs, rng))
        if rng.random() < 0.3:
            await own_jobs.command(Command("delete", ids.pop(rng.randrange(len(ids)))))
        if rng.random() < 0.1:
            await small.delete(names.meta)
    ids.append(await submit(own_jobs, rng))
    sizes = [await number(small, names.job_prefix + download_id, "bytes") for download_id in ids]
    assert await number(small, names.meta, "queue_bytes") == sum(sizes)


async def test_a_queue_whose_records_vanished_is_counted_before_it_refuses(
    own_jobs: Jobs, small: redis.asyncio.Redis
) -> None:
    await submit(own_jobs, random.Random(2))
    await small.hset(ChannelNames().meta, "queue_bytes", QUEUE_BYTES)

    await retry_while_unavailable(lambda: submit(own_jobs, random.Random(3)), DEADLINE_S)
