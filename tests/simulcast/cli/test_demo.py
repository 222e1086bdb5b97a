"""The simulated jobs: real ones, with records, leases and ends."""

import asyncio
import random
from contextlib import aclosing
from dataclasses import replace
from typing import Any

import pytest

from simulcast.broker import Broker
from simulcast.cli.demo import run
from simulcast.cli.demo.plan import plan_jobs
from simulcast.cli.demo.run import Demo
from simulcast.job_handle import queue_job
from simulcast.model.commands import JobCommand
from simulcast.model.own_job import JobQuery
from simulcast.own_jobs import OwnJobs
from tests.clocks import Clock
from tests.conditions import eventually
from tests.jobs import history_at
from tests.valkey import Valkey


@pytest.mark.parametrize("seed", range(5))
def test_a_plan_has_one_failure_ends_in_time_and_shares_no_id(seed: int) -> None:
    planned = plan_jobs(8, 30.0, random.Random(seed))
    assert len({each.job_id for each in planned} | {each.job_id for each in plan_jobs(8, 30.0, random.Random(9))}) == 16
    assert [each.fails_at is not None for each in planned].count(True) == 1
    assert all(0 < each.starts_s < each.ends_s < 30.0 for each in planned)
    assert all(each.message_at(0.0) == each.phases[0] and each.message_at(0.999) == each.phases[-1] for each in planned)


def test_a_single_job_does_not_fail() -> None:
    assert plan_jobs(1, 5.0, random.Random(0))[0].fails_at is None


async def test_jobs_are_queued_run_and_end_in_their_records(valkey: Valkey, channel: str) -> None:
    clock = Clock(100.0)
    demo = Demo(valkey.url, channel, clock, clock.sleep)
    await demo.play(plan_jobs(4, 10.0, random.Random(1)))
    assert demo.ended == {"complete": 3, "error": 1} and str(demo) == "3 complete, 1 error"
    types = [event["type"] for event in await history_at(valkey.url, channel)]
    assert [types.count(f"job_{kind}") for kind in ("queued", "started", "complete", "error")] == [4, 4, 3, 1]
    async with (
        aclosing(Broker.connect(valkey.url)) as broker,
        aclosing(OwnJobs.connect(valkey.url, broker, channel)) as own_jobs,
    ):
        records = (await own_jobs.list(JobQuery())).records
    assert sorted(record.state for record in records) == ["complete"] * 3 + ["error"]
    assert [record.error_message for record in records if record.state == "error"] == [
        "the disk of demo.invalid is full (simulated)"
    ]


async def never_answered(job_id: str, **options: Any) -> None:
    await queue_job(job_id, **options)
    await asyncio.Event().wait()


@pytest.mark.parametrize("behind", ["job_queued", "job_started"])
async def test_a_cancelled_demo_ends_each_of_its_jobs(
    valkey: Valkey, channel: str, behind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if behind == "job_queued":
        monkeypatch.setattr(run, "queue_job", never_answered)
    demo = Demo(valkey.url, channel, asyncio.get_running_loop().time)
    playing = asyncio.create_task(demo.play(plan_jobs(5, 10.0, random.Random(3))))

    async def is_told() -> bool:
        return any(event["type"] == behind for event in await history_at(valkey.url, channel))

    await eventually(is_told, behind)
    playing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await playing
    events = await history_at(valkey.url, channel)
    assert {event["job_id"] for event in events if event["type"] == "job_cancelled"} == {
        event["job_id"] for event in events
    }
    assert demo.ended == {"cancelled": 5}


async def test_a_job_that_a_client_cancels_ends_whether_it_waits_or_runs(valkey: Valkey, channel: str) -> None:
    demo = Demo(valkey.url, channel, asyncio.get_running_loop().time)
    waits, runs = plan_jobs(2, 600.0, random.Random(1))
    planned = [replace(waits, starts_s=3.0), replace(runs, starts_s=0.0)]
    playing = asyncio.create_task(demo.play(planned))

    async def both_are_there() -> bool:
        events = await history_at(valkey.url, channel)
        return any(event["type"] == "job_progress" for event in events) and len({e["job_id"] for e in events}) == 2

    await eventually(both_are_there, "both")
    async with (
        aclosing(Broker.connect(valkey.url)) as broker,
        aclosing(OwnJobs.connect(valkey.url, broker, channel)) as own_jobs,
    ):
        for each in planned:
            assert await own_jobs.command(JobCommand("cancel_job", each.job_id)) is None
    await asyncio.wait_for(playing, 30)
    assert demo.ended == {"cancelled": 2}
