"""The user whose a download or a job is: told with every change of its state, and in its record."""

import pytest

import simulcast
import simulcast.sync
from simulcast import background
from simulcast.broker import Broker
from simulcast.errors import InvalidEvent
from simulcast.jobs import Jobs
from simulcast.model.commands import Command
from simulcast.model.own_job import about
from simulcast.own_jobs import OwnJobs
from tests.jobs import URL, claim_job, history, history_at
from tests.valkey import Valkey

NAMES = ("alice", 'b","owner":"c', "\\", "größer 😀", "x" * 255)


@pytest.mark.parametrize("owner", NAMES)
async def test_every_change_of_a_download_tells_its_owner(jobs: Jobs, broker: Broker, channel: str, owner: str) -> None:
    record = await jobs.submit(URL, "d", owner=owner)
    assert (record.owner, (await jobs.get("d")).owner) == (owner, owner)
    claim = await claim_job(jobs)
    assert claim.record.owner == owner
    await jobs.finish(claim, "error", {"error": "no"}, {"error_message": "no"})
    assert await jobs.command(Command("relink", "d", url="https://example.com/other")) is None
    assert await jobs.command(Command("delete", "d")) is None
    events = await history(broker, channel)
    assert [event["type"] for event in events] == [
        *("download_queued", "download_started", "download_error", "download_queued", "download_deleted")
    ]
    assert {event["owner"] for event in events} == {owner}
    assert [event["url"] for event in events][-1] == "https://example.com/other"


async def test_a_download_of_nobody_in_particular_is_told_as_before(jobs: Jobs, broker: Broker, channel: str) -> None:
    assert (await jobs.submit(URL)).owner is None
    assert "owner" not in (await history(broker, channel))[0]


@pytest.mark.parametrize("owner", NAMES)
async def test_a_job_keeps_its_owner_though_the_program_that_starts_it_names_none(
    any_jobs: OwnJobs, broker: Broker, channel: str, owner: str
) -> None:
    assert (await any_jobs.queue("j", about("j", "", 'n","owner":"x', owner))) == 1
    await any_jobs.start("j", about("j", "work", 'm","owner":"y'), "t1", "here")
    assert (await any_jobs.get("j")).owner == owner
    await any_jobs.end("j", "t1", "complete")
    await any_jobs.start("j", about("j", "work", "m", "another"), "t2", "here")
    assert (await any_jobs.get("j")).owner == "another"
    events = await history(broker, channel)
    assert [event["owner"] for event in events] == [owner] * 3 + ["another"]
    assert [event["name"] for event in events] == ['n","owner":"x', 'm","owner":"y', 'm","owner":"y', "m"]


async def test_a_job_of_nobody_in_particular_is_told_as_before(any_jobs: OwnJobs, broker: Broker, channel: str) -> None:
    await any_jobs.queue("j", about("j", "", "n"))
    await any_jobs.start("j", about("j", "", "n"), "t1", "here")
    assert (await any_jobs.get("j")).owner is None
    assert not any("owner" in event for event in await history(broker, channel))


@pytest.mark.parametrize("owner", ["x" * 256, "\ud800", 7])
def test_what_is_no_name_of_a_user_is_refused(owner: str) -> None:
    with pytest.raises(InvalidEvent, match="owner"):
        about("j", "", "", owner)


async def test_programs_name_the_owner_where_they_announce_or_run_a_job(
    valkey: Valkey, channel: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REDIS_URL", valkey.url)
    background._shared.clear()
    try:
        await simulcast.queue_job("queued", channel=channel, owner="alice")
        async with simulcast.job("queued", channel=channel):
            pass
        async with simulcast.job("run", channel=channel, owner="bob"):
            pass
        events = await history_at(valkey.url, channel)
    finally:
        for shared in list(background._shared.values()):
            shared.close()
        background._shared.clear()
    owners = {(event["job_id"], event["owner"]) for event in events}
    assert owners == {("queued", "alice"), ("run", "bob")}
