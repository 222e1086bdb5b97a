"""Records beyond the number of ended ones that are kept."""

import pytest
import redis.asyncio

from simulcast.broker import Broker
from simulcast.jobs import Jobs
from simulcast.model.channel import ChannelNames
from simulcast.model.commands import Command
from tests.jobs import URL, claim_job, history

MAX_DONE = 10_000
MANY = 1_500


async def fail_job(jobs: Jobs, download_id: str) -> None:
    await jobs.submit(URL, download_id)
    fields = {"error": "no", "part": f"{download_id}.part.1"}
    await jobs.finish(await claim_job(jobs, "host:1"), "error", fields, {"error_message": "no"})


async def test_a_record_that_is_dropped_is_announced_and_its_part_file_left_to_a_worker(
    jobs: Jobs, broker: Broker, client: redis.asyncio.Redis, channel: str
) -> None:
    await fail_job(jobs, "oldest")
    done = ChannelNames(channel).job_keys[3]
    later = {f"filler-{n}": 9e15 for n in range(MAX_DONE - 1)}
    await client.zadd(done, later)
    await fail_job(jobs, "newest")
    with pytest.raises(KeyError):
        await jobs.get("oldest")
    event = (await history(broker, channel))[-1]
    assert (event["type"], event["download_id"], event["reason"]) == ("download_deleted", "oldest", "too_many")
    assert await jobs.orphaned_files("host:2") == ("oldest.part.1",)
    assert (await jobs.get("newest")).state == "error"


async def test_every_part_file_of_many_deleted_downloads_is_left_to_a_worker(
    jobs: Jobs, client: redis.asyncio.Redis, channel: str
) -> None:
    for n in range(3):
        await fail_job(jobs, f"{n}")
    orphans = f"{{simulcast:{channel}}}:orphaned_files:host"
    await client.rpush(orphans, *(f"earlier-{n}" for n in range(MANY)))
    assert await jobs.command(Command("clear")) is None
    names: list[str] = []
    while page := await jobs.orphaned_files("host:2"):
        names += page
        await jobs.forget_orphans("host:2", page)
    assert len(names) == MANY + 3
