"""What jobs promise of a download that is to start later, on fakeredis and on Valkey."""

import json
import time

import pytest

from simulcast.broker import Broker
from simulcast.jobs import Jobs
from simulcast.model.commands import Action, Command
from simulcast.model.download_options import DownloadOptions
from tests.conditions import eventually
from tests.jobs import URL, claim_job, history

FAR_S = 3600.0


def later(ahead_s: float = FAR_S) -> DownloadOptions:
    return DownloadOptions(start_at=time.time() + ahead_s)


async def assert_waits(jobs: Jobs) -> None:
    assert await jobs.claim("w", 30) is None


async def test_no_worker_claims_it_before_its_start(jobs: Jobs, broker: Broker, channel: str) -> None:
    options = later()
    record = await jobs.submit(URL, "late", 9, options)
    assert record.start_at == pytest.approx(options.start_at, abs=0.001)
    assert (await history(broker, channel))[-1]["start_at"] == record.start_at
    await jobs.submit("http://b.example/", "now")
    assert (await claim_job(jobs)).record.download_id == "now"
    await assert_waits(jobs)
    assert (await jobs.get("late")).start_at == record.start_at


async def test_it_starts_when_its_time_has_come(jobs: Jobs, broker: Broker, channel: str) -> None:
    options = later(0.3)
    await jobs.submit(URL, "late", options=options)
    started: list[float | None] = []

    async def starts() -> bool:
        lease = await jobs.claim("w", 30)
        started.extend([lease.record.start_at] if lease else [])
        return bool(started)

    await eventually(starts, "the start")
    assert time.time() >= (options.start_at or 0)
    assert started == [None]
    assert (await jobs.get("late")).start_at is None
    assert "start_at" not in (await history(broker, channel))[-1]


async def test_a_start_that_has_passed_is_now(jobs: Jobs, broker: Broker, channel: str) -> None:
    await jobs.submit(URL, "late", options=later(-5.0))
    assert "start_at" not in (await history(broker, channel))[-1]
    assert (await claim_job(jobs)).record.download_id == "late"


async def test_it_waits_on_after_a_pause(jobs: Jobs, broker: Broker, channel: str) -> None:
    record = await jobs.submit(URL, "late", options=later())
    for action in ("pause", "resume"):
        assert await jobs.command(Command(action, "late")) is None
        assert (await jobs.get("late")).start_at == record.start_at
        assert (await history(broker, channel))[-1]["start_at"] == record.start_at
        await assert_waits(jobs)


async def test_a_fresh_link_changes_nothing(jobs: Jobs) -> None:
    record = await jobs.submit(URL, "late", options=later())
    assert await jobs.command(Command("relink", "late", url="http://b.example/")) is None
    await assert_waits(jobs)
    relinked = await jobs.get("late")
    assert (relinked.start_at, relinked.url, relinked.state) == (record.start_at, "http://b.example/", "queued")


@pytest.mark.parametrize("before", [[], ["cancel"]])
async def test_retry_starts_it_now(before: list[Action], jobs: Jobs) -> None:
    await jobs.submit(URL, "late", options=later())
    for action in [*before, "retry"]:
        assert await jobs.command(Command(action, "late")) is None
    assert (await jobs.get("late")).start_at is None
    assert (await claim_job(jobs)).record.download_id == "late"


async def test_it_is_not_started_early_by_a_function_of_a_release_that_knows_no_start(jobs: Jobs) -> None:
    record = await jobs.submit(URL, "late", options=later())
    async with jobs._servers.client_at(jobs.channel, "make it ready") as client:
        await client.zadd(jobs._names.job_keys[1], {"late": 0})
    await assert_waits(jobs)
    await assert_waits(jobs)
    assert (await jobs.get("late")).start_at == record.start_at
    await jobs.command(Command("retry", "late"))
    assert (await claim_job(jobs)).record.download_id == "late"


@pytest.mark.parametrize("text", ["soon", "inf", "-5"])
async def test_a_start_that_another_program_wrote_stops_nobody(text: str, jobs: Jobs) -> None:
    await jobs.submit(URL, "odd")
    async with jobs._servers.client_at(jobs.channel, "write another start") as client:
        await client.hset(f"{jobs._names.job_prefix}odd", "start_at", text)
    await jobs.submit(URL, "second", unless_same=False)
    claimed = {(await claim_job(jobs)).record.download_id for _ in range(2)}
    assert claimed == {"odd", "second"}


def test_the_options_of_the_record_have_no_start() -> None:
    assert DownloadOptions(start_at=0).to_json() == ""
    assert "start_at" not in json.loads(DownloadOptions(start_at=0, name="a").to_json())
