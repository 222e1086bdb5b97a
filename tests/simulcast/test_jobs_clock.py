"""Leases and delays where Redis was away, or came back with another clock."""

import asyncio
import signal
import time

import pytest
import redis.asyncio

from simulcast.broker import Broker
from simulcast.jobs import DesiredState, Jobs, Lease
from simulcast.model.channel import ChannelNames
from simulcast.model.commands import Command
from simulcast.model.events import progress_event
from simulcast.model.own_job import about
from simulcast.own_jobs import OwnJobs
from tests.conditions import eventually
from tests.jobs import URL, claim_job, history
from tests.valkey import Valkey

HOUR_MS = 3_600_000
LEASE_S = 0.6
AWAY_S = 2.0  # longer than a lease, and than silence that is no absence


@pytest.mark.long
async def test_outages_longer_than_a_lease_do_not_count_as_lost_workers(own_valkey: Valkey) -> None:
    broker = Broker.connect(own_valkey.url)
    jobs = Jobs.connect(own_valkey.url, broker)
    download_id = (await jobs.submit(URL)).download_id
    claim = await claim_job(jobs, "h:1", LEASE_S)
    for _ in range(3):
        assert await jobs.renew([claim], LEASE_S) == [DesiredState("running")]
        own_valkey.signal(signal.SIGSTOP)
        await asyncio.sleep(AWAY_S)
        own_valkey.signal(signal.SIGCONT)
        assert await jobs.claim("h:2", LEASE_S) is None
    assert await jobs.renew([claim], LEASE_S) == [DesiredState("running")]
    assert (await jobs.get(download_id)).state == "running"
    await jobs.aclose()
    await broker.aclose()


async def lose_worker(jobs: Jobs, received: int) -> None:
    """Claim the job, report so many bytes, and let the lease expire."""
    claims: list[Lease] = []

    async def claimed() -> bool:
        claim = await jobs.claim("h:1", 0.001)
        claims.extend([claim] if claim else [])
        return claim is not None

    await eventually(claimed, "a claim")
    fields = {"progress": "0.5", "received": str(received)}
    # The lease has expired already; only a claim by another worker ends it.
    await jobs.progress(claims[-1], b'{"type":"download_progress"}', fields)


async def test_progress_ends_the_count_of_workers_that_were_lost(jobs: Jobs, broker: Broker, channel: str) -> None:
    await jobs.submit(URL)
    for received in range(1, 6):
        await lose_worker(jobs, received)
    assert "download_error" not in [event["type"] for event in await history(broker, channel)]


async def test_progress_that_was_made_before_does_not_end_the_count(jobs: Jobs, broker: Broker, channel: str) -> None:
    await jobs.submit(URL)
    for _ in range(3):
        await lose_worker(jobs, 5)

    async def set_aside() -> bool:
        await jobs.claim("h:1", 0.001)
        return (await history(broker, channel))[-1]["type"] == "download_error"

    await eventually(set_aside, "setting aside")


async def test_a_lease_of_a_clock_that_was_ahead_ends_after_its_length(
    jobs: Jobs, client: redis.asyncio.Redis, channel: str
) -> None:
    download_id = (await jobs.submit(URL)).download_id
    await claim_job(jobs, "h:1", 0.2)
    await client.zincrby(ChannelNames(channel).job_keys[2], HOUR_MS, download_id)
    assert await jobs.command(Command("pause", download_id)) is None

    async def paused() -> bool:
        assert await jobs.claim("h:2", 0.2) is None
        return (await jobs.get(download_id)).state == "paused"

    await eventually(paused, "the pause")


@pytest.mark.parametrize("has_many", [False, True], ids=["one", "many"])
async def test_a_retry_of_a_clock_that_was_ahead_comes_after_its_delay(
    has_many: bool, jobs: Jobs, client: redis.asyncio.Redis, channel: str
) -> None:
    names = ChannelNames(channel)
    for n in range(25 if has_many else 0):  # more than one call looks at
        await jobs.submit(URL, f"long-{n}")
        await jobs.finish(await claim_job(jobs), "queued", {"delay_ms": str(3 * HOUR_MS)})
    await jobs.submit(URL, "a")
    await jobs.finish(await claim_job(jobs), "queued", {"delay_ms": "50"})
    await client.zincrby(names.job_keys[1], HOUR_MS, "a")
    if has_many:
        await client.hset(names.meta, "alive", f"{await epoch(client, names)} {round(time.time() * 1000) + HOUR_MS}")

    async def claimed() -> bool:
        claim = await jobs.claim("h:1", 30)
        return claim is not None and claim.record.download_id == "a"

    await eventually(claimed, "the retry")


async def test_a_job_that_was_queued_by_a_clock_that_was_ahead_fails_once_its_time_is_over(
    any_jobs: OwnJobs, broker: Broker, client: redis.asyncio.Redis, channel: str
) -> None:
    await any_jobs.queue("a", about("a", "", ""), ttl_s=0.1)
    await client.zincrby(ChannelNames(channel).own_job_keys[1], HOUR_MS, "a")

    async def failed() -> bool:
        await broker.head(channel)  # as a front-end polls
        return (await any_jobs.get("a")).state == "error"

    await eventually(failed, "the failure", 20)


async def test_what_ended_by_a_clock_that_was_ahead_is_cleared(
    jobs: Jobs, broker: Broker, client: redis.asyncio.Redis, channel: str
) -> None:
    names = ChannelNames(channel)
    for download_id, command_id in (("a", ""), ("b", "clear-1")):
        await jobs.submit(URL, download_id)
        assert await jobs.command(Command("cancel", download_id)) is None
        await client.zincrby(names.job_keys[3], HOUR_MS, download_id)
        await client.zincrby(names.stream_keys[5], HOUR_MS, download_id)
        assert await jobs.command(Command("clear", command_id=command_id)) is None
        with pytest.raises(KeyError):
            await jobs.get(download_id)
    cleared_at = await client.time()
    while await client.time() <= (cleared_at[0], cleared_at[1] + 1000):  # ends count in milliseconds
        pass
    await jobs.submit(URL, "later")
    assert await jobs.command(Command("cancel", "later")) is None
    assert await jobs.command(Command("clear", command_id="clear-1")) is None  # sent again
    assert (await jobs.get("later")).state == "cancelled"
    await broker.publish({"type": "download_complete", "download_id": "c", "file_path": "/c"}, channel)
    await client.zincrby(names.stream_keys[5], HOUR_MS, "c")
    assert await jobs.command(Command("clear")) is None
    assert (await history(broker, channel))[-1]["type"] == "download_deleted"


async def test_what_a_publisher_showed_by_a_clock_that_was_ahead_is_removed(
    jobs: Jobs, broker: Broker, client: redis.asyncio.Redis, channel: str
) -> None:
    await broker.publish(progress_event("a", 0.5, 1), channel)
    await client.zincrby(ChannelNames(channel).stream_keys[3], HOUR_MS, "a")
    assert await jobs.command(Command("delete", "a")) is None
    assert (await history(broker, channel))[-1]["type"] == "download_deleted"


async def epoch(client: redis.asyncio.Redis, names: ChannelNames) -> str:
    value = await client.hget(names.meta, "epoch")
    assert isinstance(value, bytes)
    return value.decode()
