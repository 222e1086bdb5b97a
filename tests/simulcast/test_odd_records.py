"""A job's record that another program wrote, or has lost a part: it stops no other job, and no channel."""

from collections.abc import Awaitable, Callable

import pytest
import redis.asyncio

from simulcast.broker import Broker
from simulcast.jobs import Jobs
from simulcast.model.channel import ChannelNames
from simulcast.model.commands import Command
from simulcast.model.job_record import Query
from simulcast.model.own_job import JobQuery, about
from simulcast.own_jobs import OwnJobs
from tests.jobs import URL, claim_job, history

Spoil = Callable[[redis.asyncio.Redis, str], Awaitable[object]]
ODD: dict[str, Spoil] = {
    "text": lambda client, key: client.set(key, "odd"),
    "list": lambda client, key: client.rpush(key, "odd"),
    "no state": lambda client, key: client.hset(key, mapping={"about": "", "token": "1-a", "desired": "running"}),
    "no attempt": lambda client, key: client.hdel(key, "attempt"),
}
SETS = ("jobs", "ready", "leases", "done")


@pytest.fixture(params=ODD)
def spoil(request: pytest.FixtureRequest) -> Spoil:
    return ODD[request.param]


@pytest.mark.parametrize("in_set", SETS)
async def test_downloads_go_on_whatever_one_of_them_has_for_a_record(
    spoil: Spoil, in_set: str, jobs: Jobs, client: redis.asyncio.Redis, channel: str
) -> None:
    names = ChannelNames(channel)
    await jobs.submit(URL, "odd")
    await jobs.submit(URL, "good")
    key = names.job_prefix + "odd"
    if spoil is not ODD["no attempt"]:
        await client.delete(key)
    await spoil(client, key)
    for name, of_set in zip(SETS, names.job_keys, strict=True):
        await client.zrem(of_set, "odd")
        if name in ("jobs", in_set):
            await client.zadd(of_set, {"odd": 1})
    lease = await claim_job(jobs, "h:1")
    assert lease.record.download_id == "good"
    assert [state.desired for state in await jobs.renew([lease], 30)] == ["running"]
    assert "good" in {record.download_id for record in (await jobs.list(Query())).records}
    await jobs.finish(lease, "complete", {"file_path": "/x"}, {"file_path": "/x"})
    await jobs.submit(f"{URL}2", "another")
    assert await jobs.command(Command("clear")) is None
    assert {record.download_id for record in (await jobs.list(Query())).records} - {"odd"} == {"another"}


@pytest.mark.parametrize("in_set", SETS)
async def test_a_front_end_goes_on_whatever_a_job_of_any_kind_has_for_a_record(
    spoil: Spoil, in_set: str, any_jobs: OwnJobs, broker: Broker, client: redis.asyncio.Redis, channel: str
) -> None:
    names = ChannelNames(channel)
    for name in ("odd", "good"):
        await any_jobs.start(name, about(name, "", ""), f"{name}-token", "h:1")
    key = names.job_prefix + "odd"
    if spoil is not ODD["no attempt"]:
        await client.delete(key)
    await spoil(client, key)
    await client.zadd(names.own_job_keys[SETS.index(in_set)], {"odd": 1})
    await broker.head(channel)  # as a front-end polls
    assert await any_jobs.renew({"odd": "odd-token", "good": "good-token"}) | {"odd": "lost"} == {
        "odd": "lost",
        "good": "running",
    }
    assert "good" in {record.job_id for record in (await any_jobs.list(JobQuery())).records}
    assert await any_jobs.end("good", "good-token", "complete") == "complete"
    assert (await history(broker, channel))[-1]["type"] == "job_complete"


@pytest.mark.parametrize("total", ["abc", "1.5", "nan", "-7", "9" * 30])
async def test_whatever_stands_for_the_bytes_of_all_records_downloads_are_added_and_deleted(
    total: str, jobs: Jobs, client: redis.asyncio.Redis, channel: str
) -> None:
    await jobs.submit(URL, "a")
    await client.hset(ChannelNames(channel).meta, "queue_bytes", total)
    await jobs.submit(f"{URL}2", "b")
    await client.hset(ChannelNames(channel).meta, "queue_bytes", total)
    assert await jobs.command(Command("delete", "a")) is None


async def test_bytes_that_are_no_text_hide_no_other_record(
    jobs: Jobs, client: redis.asyncio.Redis, channel: str
) -> None:
    names = ChannelNames(channel)
    for download_id in ("odd", "good"):
        await jobs.submit(URL, download_id)
    await client.hset(names.job_prefix + "odd", "name", b"\xff")
    await client.zadd(names.job_keys[0], {b"\xff": 1})
    assert {record.download_id for record in (await jobs.list(Query())).records} == {"odd", "good"}
    assert (await jobs.get("odd")).name == "\ufffd"
    assert (await claim_job(jobs)).record.download_id == "odd"
