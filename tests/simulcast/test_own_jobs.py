"""Jobs of any kind: leases, ends and commands, on each server that is supported."""

import asyncio
import json

import pytest

from simulcast.broker import Broker
from simulcast.errors import InvalidEvent, JobCancelled, JobTaken, LeaseLost
from simulcast.jobs import Jobs
from simulcast.model.commands import Command, JobCommand
from simulcast.model.job_record import Query
from simulcast.model.own_job import JobEnd, JobQuery, about, measures
from simulcast.own_jobs import JobLease, OwnJobs
from tests.conditions import eventually
from tests.jobs import URL, history

ABOUT = about("a", "render", "Holiday.mp4")


async def start(jobs: OwnJobs, nonce: str = "t1", lease_s: float = 30) -> JobLease:
    return await jobs.start("a", ABOUT, nonce, "here", lease_s=lease_s)


async def wait_for_loss(broker: Broker, channel: str, any_jobs: OwnJobs) -> None:
    """Poll as a front-end until that has ended the job."""

    async def has_ended() -> bool:
        await broker.head(channel)
        return (await any_jobs.get("a")).state == "error"

    await eventually(has_ended, "the end of the job")


async def test_the_events_of_a_job_from_the_queue_to_its_end(any_jobs: OwnJobs, broker: Broker, channel: str) -> None:
    assert await any_jobs.queue("a", ABOUT) == 1
    assert await start(any_jobs) == JobLease("a", "t1", 1, "running")
    assert await any_jobs.progress("a", "t1", measures(done=3, total=10, unit="frames")) == "running"
    assert await any_jobs.end("a", "t1", "complete", measures=measures(1.0), result={"n": [1]}) == "complete"
    events = await history(broker, channel)
    about_it = {"job_id": "a", "kind": "render", "name": "Holiday.mp4", "attempt": 1}
    assert [{key: value for key, value in event.items() if key != "change"} for event in events] == [
        {"type": "job_queued", **about_it, "progress": 0.0},
        {"type": "job_started", **about_it, "progress": 0.0},
        {"type": "job_progress", **about_it, "progress": 0.3, "done": 3, "total": 10, "unit": "frames"},
        {"type": "job_complete", **about_it, "progress": 1.0, "result": {"n": [1]}},
    ]
    record = await any_jobs.get("a")
    assert (record.state, record.result, record.progress, record.worker) == ("complete", {"n": [1]}, 1.0, None)


@pytest.mark.parametrize("state", ["complete", "error", "cancelled", "queued"])
async def test_an_end_that_is_sent_again_is_told_once(
    state: JobEnd, any_jobs: OwnJobs, broker: Broker, channel: str
) -> None:
    await start(any_jobs)
    assert {await any_jobs.end("a", "t1", state, error_message="no") for _ in range(3)} == {state}
    events = [event["type"] for event in await history(broker, channel)]
    assert events == ["job_started", f"job_{state}"]


async def test_a_start_that_is_sent_again_is_told_once(any_jobs: OwnJobs, broker: Broker, channel: str) -> None:
    assert await start(any_jobs) == await start(any_jobs)
    assert len(await history(broker, channel)) == 1


async def test_a_second_process_is_refused_while_the_first_one_runs_the_job(any_jobs: OwnJobs) -> None:
    await start(any_jobs)
    with pytest.raises(JobTaken, match="run by here"):
        await start(any_jobs, "t2")


async def test_a_lost_process_is_told_once_and_refused_from_then_on(
    any_jobs: OwnJobs, broker: Broker, channel: str
) -> None:
    await start(any_jobs, lease_s=0.2)
    await any_jobs.progress("a", "t1", measures(0.5))
    await wait_for_loss(broker, channel, any_jobs)
    for refused in (any_jobs.progress("a", "t1", measures(0.6)), any_jobs.end("a", "t1", "complete"), start(any_jobs)):
        with pytest.raises(LeaseLost):
            await refused
    assert await any_jobs.renew({"a": "t1"}) == {"a": "lost"}
    ends = [event for event in await history(broker, channel) if event["type"] not in ("job_started", "job_progress")]
    assert [(end["type"], end["error_message"], end["progress"]) for end in ends] == [
        ("job_error", "its process was lost", 0.5)
    ]
    assert (await start(any_jobs, "t2")).attempt == 2


async def test_a_loss_is_noticed_by_the_renewals_of_another_process(
    any_jobs: OwnJobs, broker: Broker, channel: str
) -> None:
    await start(any_jobs, lease_s=0.2)

    async def has_ended() -> bool:
        await any_jobs.renew({"b": "t2"}, 0.2)
        return (await any_jobs.get("a")).state == "error"

    await eventually(has_ended, "the loss")
    assert (await history(broker, channel))[-1]["type"] == "job_error"


async def test_a_renewed_lease_stays(any_jobs: OwnJobs, broker: Broker, channel: str) -> None:
    await start(any_jobs, lease_s=0.2)
    await any_jobs.renew({"a": "t1"}, 60)
    await asyncio.sleep(0.3)
    await broker.head(channel)
    assert await any_jobs.end("a", "t1", "complete") == "complete"


async def test_a_queued_job_that_nobody_starts_fails(any_jobs: OwnJobs, broker: Broker, channel: str) -> None:
    await any_jobs.queue("a", ABOUT, ttl_s=0.1)
    await wait_for_loss(broker, channel, any_jobs)
    assert (await history(broker, channel))[-1]["error_message"] == "nobody started it in time"


async def test_a_late_announcement_changes_nothing(any_jobs: OwnJobs, broker: Broker, channel: str) -> None:
    await start(any_jobs)
    assert await any_jobs.queue("a", ABOUT, attempt=1) == 1
    await any_jobs.end("a", "t1", "complete")
    assert await any_jobs.queue("a", ABOUT, attempt=1) == 1
    assert len(await history(broker, channel)) == 2
    assert await any_jobs.queue("a", ABOUT) == 2
    assert await any_jobs.queue("a", ABOUT) == 2
    assert len(await history(broker, channel)) == 3


async def test_a_retry_is_queued_as_the_next_attempt(any_jobs: OwnJobs, broker: Broker, channel: str) -> None:
    await start(any_jobs)
    await any_jobs.end("a", "t1", "queued", error_message="busy")
    event = (await history(broker, channel))[-1]
    assert (event["type"], event["attempt"], event["error_message"]) == ("job_queued", 2, "busy")
    assert (await start(any_jobs, "t2")).attempt == 2


async def test_a_cancelled_job_learns_it_and_its_end_names_the_command(
    any_jobs: OwnJobs, broker: Broker, channel: str
) -> None:
    await start(any_jobs)
    assert await any_jobs.command(JobCommand("cancel_job", "a", "c1")) is None
    assert await any_jobs.command(JobCommand("cancel_job", "a", "c1")) is None
    assert await any_jobs.command(JobCommand("cancel_job", "a", "c2")) == "invalid_transition"
    assert await any_jobs.renew({"a": "t1"}) == {"a": "cancelled"}
    assert await any_jobs.progress("a", "t1", measures(0.5)) == "cancelled"
    await any_jobs.end("a", "t1", "cancelled")
    event = (await history(broker, channel))[-1]
    assert (event["type"], event["command_id"], "overtaken" in event) == ("job_cancelled", "c1", False)


async def test_an_end_that_overtakes_a_cancel_says_so(any_jobs: OwnJobs, broker: Broker, channel: str) -> None:
    await start(any_jobs)
    await any_jobs.command(JobCommand("cancel_job", "a", "c1"))
    await any_jobs.end("a", "t1", "complete")
    event = (await history(broker, channel))[-1]
    assert (event["type"], event["command_id"], event["overtaken"]) == ("job_complete", "c1", "cancel")


async def test_a_cancelled_job_is_not_tried_again(any_jobs: OwnJobs) -> None:
    await start(any_jobs)
    await any_jobs.command(JobCommand("cancel_job", "a"))
    assert await any_jobs.end("a", "t1", "queued", error_message="busy") == "cancelled"


async def test_a_job_that_was_cancelled_in_the_queue_is_refused_once(any_jobs: OwnJobs) -> None:
    await any_jobs.queue("a", ABOUT)
    await any_jobs.command(JobCommand("cancel_job", "a"))
    for _ in range(2):  # the reply may be lost
        with pytest.raises(JobCancelled):
            await start(any_jobs)
    assert (await start(any_jobs, "t2")).attempt == 2


async def test_a_job_is_removed_unless_it_runs(any_jobs: OwnJobs, broker: Broker, channel: str) -> None:
    await start(any_jobs)
    assert await any_jobs.command(JobCommand("remove_job", "a", "c1")) == "invalid_transition"
    await any_jobs.end("a", "t1", "complete")
    assert await any_jobs.command(JobCommand("remove_job", "a", "c2")) is None
    assert await any_jobs.command(JobCommand("remove_job", "a", "c2")) is None
    assert await any_jobs.command(JobCommand("remove_job", "a", "c3")) == "unknown_job"
    assert (await history(broker, channel))[-1]["type"] == "job_deleted"
    assert (await any_jobs.list(JobQuery())).total == 0
    with pytest.raises(KeyError):
        await any_jobs.get("a")
    with pytest.raises(LeaseLost):
        await start(any_jobs)


async def test_jobs_and_downloads_share_their_ids_and_nothing_else(any_jobs: OwnJobs, jobs: Jobs) -> None:
    await start(any_jobs)
    await jobs.submit(URL, "d")
    with pytest.raises(ValueError, match="there is a download a"):
        await jobs.submit(URL, "a")
    with pytest.raises(JobTaken, match="a download"):
        await any_jobs.queue("d", about("d", "", ""))
    with pytest.raises(JobTaken, match="a download"):
        await any_jobs.start("d", about("d", "", ""), "t", "here")
    assert await jobs.command(Command("pause", "a")) == "unknown_download"
    assert await any_jobs.command(JobCommand("remove_job", "d")) == "unknown_job"
    with pytest.raises(KeyError):
        await jobs.get("a")
    assert [record.download_id for record in (await jobs.list(Query())).records] == ["d"]
    assert [record.job_id for record in (await any_jobs.list(JobQuery())).records] == ["a"]
    lease = await jobs.claim("w:1", 30)
    assert lease is not None and lease.record.download_id == "d"
    assert await jobs.claim("w:1", 30) is None


async def test_an_end_by_a_publisher_without_the_lease_is_refused(
    any_jobs: OwnJobs, broker: Broker, channel: str
) -> None:
    await start(any_jobs)
    for event in (
        {"type": "job_complete", "job_id": "a"},
        {"type": "job_error", "job_id": "a", "error_message": "forged"},
        {"type": "download_deleted", "download_id": "a"},
    ):
        with pytest.raises(InvalidEvent, match="job a is owned"):
            await broker.publish(event, channel)
    assert len(await history(broker, channel)) == 1


@pytest.mark.parametrize(
    ("event", "key", "removed"),
    [
        ({"type": "job_progress", "job_id": "f", "progress": 0.5}, "", "job_deleted"),
        ({"type": "job_error", "job_id": "f", "error_message": "no"}, "", "job_deleted"),
        ({"type": "render", "percent": 5}, "f", "job_deleted"),
        ({"type": "download_progress", "download_id": "f", "progress": 0.5, "speed": 1}, "", "download_deleted"),
    ],
)
async def test_what_nobody_owns_is_removed_for_everyone(
    event: dict[str, object],
    key: str,
    removed: str,
    any_jobs: OwnJobs,
    jobs: Jobs,
    broker: Broker,
    channel: str,
) -> None:
    await broker.publish(event, channel, key=key)
    is_job = removed == "job_deleted"
    assert await any_jobs.command(JobCommand("cancel_job", "f")) == "unknown_job"
    for command_id in ("c1", "c1", "c2"):  # it is sent again, and another client has the same wish
        reason = await any_jobs.command(JobCommand("remove_job", "f", command_id))
        assert reason == (None if is_job and command_id == "c1" else "unknown_job")
        reason = await jobs.command(Command("delete", "f", command_id))
        assert reason == (None if not is_job and command_id == "c1" else "unknown_download")
    events = await history(broker, channel)
    name = removed.replace("deleted", "id")
    assert events[1:] == [{"type": removed, name: "f", "command_id": "c1"}]
    snapshot = await broker.snapshot(channel)
    assert [json.loads(publication.payload)["type"] for publication in snapshot.publications] == [removed]
