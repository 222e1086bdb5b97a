"""Acknowledged starts, ends and commands of jobs of any kind hold after a failover that lost them."""

import secrets
from collections.abc import AsyncIterator

import pytest

from simulcast.broker import Broker
from simulcast.model.commands import JobCommand
from simulcast.model.own_job import JobQuery, about
from simulcast.own_jobs import JobLease, OwnJobs
from tests.conditions import FAILOVER_S, eventually, retry_while_unavailable
from tests.jobs import history_at
from tests.topologies import Cluster, Group, Sentinels

CHANNEL = "downloads"


@pytest.fixture
async def own_jobs(group: Group, publisher: Broker) -> AsyncIterator[OwnJobs]:
    jobs = OwnJobs.connect(group.url, publisher)
    yield jobs
    await jobs.aclose()


async def start(jobs: OwnJobs, job_id: str) -> JobLease:
    return await jobs.start(job_id, about(job_id, "render", job_id), secrets.token_hex(8), "host:1")


@pytest.mark.timeout(180)
@pytest.mark.parametrize("group", [Sentinels, Cluster], indirect=True)
async def test_what_no_replica_had_of_jobs_holds(group: Group, own_jobs: OwnJobs) -> None:
    leases = {name: await start(own_jobs, name) for name in ("done", "failed", "cancelled", "removed")}
    first = group.serving(CHANNEL)
    group.cut_off_replicas(first)
    await own_jobs.end("done", leases["done"].token, "complete", result={"frames": 3})
    await own_jobs.end("failed", leases["failed"].token, "error", error_message="no disk")
    assert await own_jobs.command(JobCommand("cancel_job", "cancelled")) is None
    await own_jobs.end("removed", leases["removed"].token, "complete")
    assert await own_jobs.command(JobCommand("remove_job", "removed")) is None
    late = await start(own_jobs, "late")
    await own_jobs.queue("queued", about("queued", "render", "queued"))
    first.kill()
    expected = {"done": "complete", "failed": "error", "cancelled": "running", "late": "running", "queued": "queued"}

    async def holds() -> bool:
        records = (await retry_while_unavailable(lambda: own_jobs.list(JobQuery()))).records
        return {record.job_id: record.state for record in records} == expected

    async def renewed() -> dict[str, str]:
        tokens = {"late": late.token, "cancelled": leases["cancelled"].token}
        return dict(await retry_while_unavailable(lambda: own_jobs.renew(tokens)))

    assert "lost" not in (await renewed()).values()
    await eventually(holds, "the states that were acknowledged", FAILOVER_S)
    assert await renewed() == {"late": "running", "cancelled": "cancelled"}
    await retry_while_unavailable(lambda: own_jobs.end("late", late.token, "complete"))
    ends = [event for event in await history_at(group.url) if event["type"] in ("job_complete", "job_error")]
    assert sorted(str(event["job_id"]) for event in ends if event["job_id"] != "removed") == ["done", "failed", "late"]
