"""What Redis makes of the lives of downloads and jobs, byte by byte: Lua Functions write these events themselves."""

import re

import redis.asyncio

from simulcast.broker import Broker
from simulcast.jobs import Jobs, Lease, ReleaseState
from simulcast.model.channel import ChannelNames
from simulcast.model.commands import Action, Command, JobCommand
from simulcast.model.own_job import about, measures
from simulcast.model.position import Position
from simulcast.own_jobs import OwnJobs
from tests.conditions import eventually
from tests.contract_examples import (
    DROPPED,
    FROM_SERVER,
    JOB_TO_THE_END,
    JOB_WITH_TROUBLE,
    OVERTAKEN,
    PUT_OFF,
    TO_THE_END,
    WITH_TROUBLE,
    kept,
)
from tests.jobs import claim_job
from workers.reporter import Reporter

URL = "https://user:secret@example.com/a.iso"
ABOUT = about("render-7", "render", "Holiday.mp4")
HALF = {"progress": "0.5", "received": "2048", "total": "4096"}
CHANGE = re.compile(rb'"change":[0-9]+')
RANK = re.compile(rb'"queue_rank":[0-9]+\.[0-9]{6}')
RETRY_AT = re.compile(rb'"retry_at":[0-9]+\.[0-9]{3}')


async def assert_told(broker: Broker, channel: str, names: list[str]) -> None:
    head = (await broker.head(channel)).position
    rows = await broker.history(Position(head.epoch, 0), head, channel)
    assert len(rows) == len(names)
    changes = [change for row in rows if row.key in ("12345", "render-7") for change in CHANGE.findall(row.payload)]
    assert changes == sorted(set(changes))
    for name, row in zip(names, rows, strict=True):
        if name:
            payload = RETRY_AT.sub(b'"retry_at":1790000002.500', row.payload)
            payload = RANK.sub(b'"queue_rank":1790000000001.000000', payload)
            payload = CHANGE.sub(lambda change: b'"change":%d' % (1790000000001 + changes.index(change[0])), payload)
            assert kept(row.position.offset, payload) == FROM_SERVER[name]


async def test_a_life_with_pauses_an_error_and_its_deletion(jobs: Jobs, broker: Broker, channel: str) -> None:
    async def wish(action: Action, command_id: str = "") -> None:
        assert await jobs.command(Command(action, "12345", command_id)) is None

    async def end(claim: Lease, ending: ReleaseState, **members: object) -> None:
        await jobs.finish(claim, ending, HALF, members)

    await jobs.submit(URL, "12345")
    claim = await claim_job(jobs, "host:1")
    await wish("pause")
    await end(claim, "paused")
    await wish("resume", "c-2")
    claim = await claim_job(jobs, "host:1")
    await wish("pause", "c-3")
    await end(claim, "paused")
    await wish("resume")
    await end(await claim_job(jobs, "host:1"), "error", error_message="the server answered 404")
    await wish("retry")
    await wish("cancel")
    await wish("delete")
    await assert_told(broker, channel, WITH_TROUBLE)


async def test_a_life_to_its_good_end(jobs: Jobs, broker: Broker, channel: str) -> None:
    await jobs.submit(URL, "12345")
    claim = await claim_job(jobs, "host:1")
    progress, fields = Reporter(jobs, claim, lambda: 0.0).finish(4096)
    await jobs.finish(claim, "complete", fields, {"file_path": "/downloads/a.iso"}, progress)
    await assert_told(broker, channel, TO_THE_END)


async def test_a_life_that_is_put_off(jobs: Jobs, broker: Broker, channel: str) -> None:
    await jobs.submit(URL, "12345")
    error = "the server answered 503 Service Unavailable"
    await jobs.finish(
        await claim_job(jobs, "host:1"), "queued", HALF | {"delay_ms": "2000"}, {"error_message": error, "retries": 1}
    )
    await assert_told(broker, channel, PUT_OFF)


async def test_an_end_that_overtakes_an_accepted_cancel(jobs: Jobs, broker: Broker, channel: str) -> None:
    await jobs.submit(URL, "12345")
    claim = await claim_job(jobs, "host:1")
    assert await jobs.command(Command("cancel", "12345", "c-1")) is None
    await jobs.finish(claim, "complete", HALF, {"file_path": "/downloads/a.iso"})
    await assert_told(broker, channel, OVERTAKEN)


async def test_a_record_that_is_one_too_many(
    jobs: Jobs, broker: Broker, client: redis.asyncio.Redis, channel: str
) -> None:
    for download_id in ("12345", "newer"):
        await jobs.submit(URL, download_id)
        await jobs.finish(await claim_job(jobs, "host:1"), "error", HALF, {"error_message": "no"})
        await client.zadd(ChannelNames(channel).job_keys[3], {f"filler-{n}": 9e15 for n in range(9999)})
    await assert_told(broker, channel, DROPPED)


async def test_a_job_to_its_good_end(any_jobs: OwnJobs, broker: Broker, channel: str) -> None:
    await any_jobs.queue("render-7", ABOUT)
    await any_jobs.start("render-7", ABOUT, "t1", "host:1")
    await any_jobs.progress("render-7", "t1", measures(done=3, total=12, unit="frames", message="scene 1"))
    done = measures(1.0, 12, 12, "frames", "scene 1")
    await any_jobs.end("render-7", "t1", "complete", measures=done, result={"frames": 12})
    await assert_told(broker, channel, JOB_TO_THE_END)


async def test_a_job_with_a_retry_a_loss_and_its_removal(any_jobs: OwnJobs, broker: Broker, channel: str) -> None:
    await any_jobs.start("render-7", ABOUT, "t1", "host:1")
    await any_jobs.end("render-7", "t1", "queued", error_message="the disk is full")
    await any_jobs.start("render-7", ABOUT, "t2", "host:1", lease_s=0.05)

    async def is_lost() -> bool:
        await broker.head(channel)
        return (await any_jobs.get("render-7")).state == "error"

    await eventually(is_lost, "the loss")
    await any_jobs.start("render-7", ABOUT, "t3", "host:1")
    assert await any_jobs.command(JobCommand("cancel_job", "render-7", "c-1")) is None
    await any_jobs.end("render-7", "t3", "cancelled", measures=measures(0.5))
    assert await any_jobs.command(JobCommand("remove_job", "render-7")) is None
    await assert_told(broker, channel, JOB_WITH_TROUBLE)
