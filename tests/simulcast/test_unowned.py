"""Jobs of publishers without a lease, which have no record: who may command can remove them, for everyone."""

import time

import pytest

from simulcast.broker import Broker
from simulcast.jobs import Jobs
from simulcast.model.commands import Command, JobCommand
from simulcast.model.events import JsonObject
from simulcast.model.own_job import about
from simulcast.own_jobs import OwnJobs
from simulcast.store import functions
from simulcast.store.topology import Topology
from tests.jobs import URL, history

pytestmark = pytest.mark.usefixtures("jobs", "any_jobs")


def download(kind: str = "progress", download_id: str = "a") -> JsonObject:
    members = {"file_path": "/f", "error_message": "no"}
    return {"type": f"download_{kind}", "download_id": download_id, "progress": 0.5, "speed": 1, **members}


def job(kind: str = "progress", job_id: str = "a") -> JsonObject:
    return {"type": f"job_{kind}", "job_id": job_id, "progress": 0.5, "error_message": "no"}


async def shown(broker: Broker, channel: str) -> list[str]:
    """Return the ids that a client that joins now is shown."""
    publications = (await broker.snapshot(channel)).publications
    return sorted({publication.key for publication in publications if "_deleted" not in publication.label})


@pytest.mark.parametrize("kind", ["queued", "started", "progress", "complete", "error", "cancelled"])
async def test_it_is_removed_in_each_state_and_everyone_is_told(
    kind: str, jobs: Jobs, any_jobs: OwnJobs, broker: Broker, channel: str
) -> None:
    await broker.publish(download(kind, 'a"b'), channel)
    await broker.publish(job(kind, "c"), channel)
    for _ in range(2):  # the second one is the first, sent again
        assert await jobs.command(Command("delete", 'a"b', "1")) is None
        assert await any_jobs.command(JobCommand("remove_job", "c", "1")) is None
    first, second = (await history(broker, channel))[2:]
    assert (first["type"], first["download_id"], first["command_id"]) == ("download_deleted", 'a"b', "1")
    assert (second["type"], second["job_id"], second["command_id"]) == ("job_deleted", "c", "1")
    assert await shown(broker, channel) == []
    assert await jobs.command(Command("delete", 'a"b')) == "unknown_download"
    assert await any_jobs.command(JobCommand("remove_job", "c")) == "unknown_job"


async def test_news_after_the_removal_begin_again(jobs: Jobs, broker: Broker, channel: str) -> None:
    await broker.publish(download(), channel)
    assert await jobs.command(Command("delete", "a")) is None
    await broker.publish(download(), channel)
    assert await shown(broker, channel) == ["a"]
    assert await jobs.command(Command("delete", "a")) is None


async def test_the_command_of_another_family_removes_nothing(
    jobs: Jobs, any_jobs: OwnJobs, broker: Broker, channel: str
) -> None:
    await broker.publish(download(download_id="a"), channel)
    await broker.publish(job(job_id="b"), channel)
    await broker.publish({"type": "temperature", "key": "c", "degrees": 20}, channel, key="c")
    assert await any_jobs.command(JobCommand("remove_job", "a")) == "unknown_job"
    for job_id in ("b", "c"):
        assert await jobs.command(Command("delete", job_id)) == "unknown_download"
    assert await shown(broker, channel) == ["a", "b", "c"]


async def test_only_a_removal_works_without_a_record(
    jobs: Jobs, any_jobs: OwnJobs, broker: Broker, channel: str
) -> None:
    await broker.publish(download(), channel)
    await broker.publish(job(job_id="b"), channel)
    assert await jobs.command(Command("cancel", "a")) == "unknown_download"
    assert await any_jobs.command(JobCommand("cancel_job", "b")) == "unknown_job"


async def test_clear_removes_what_has_ended_of_any_kind_with_and_without_a_record(
    jobs: Jobs, any_jobs: OwnJobs, broker: Broker, channel: str
) -> None:
    await jobs.submit(URL, "record-1")
    await jobs.command(Command("cancel", "record-1"))
    await any_jobs.start("record-2", about("record-2", "", ""), "t", "here")
    await any_jobs.end("record-2", "t", "complete")
    await any_jobs.start("runs", about("runs", "", ""), "t", "here")
    await broker.publish({"type": "built", "key": "other"}, channel, key="other", ends=True)
    for number in range(450):  # more than one call takes
        await broker.publish(download("complete", f"d{number}"), channel)
        await broker.publish(job("error", f"j{number}"), channel)
    await broker.publish(download("paused", "waits"), channel)
    assert await jobs.command(Command("clear", command_id="1")) is None
    assert await shown(broker, channel) == ["other", "runs", "waits"]
    told = [str(event["type"]) for event in await history(broker, channel)]
    assert (told.count("download_deleted"), told.count("job_deleted")) == (451, 451)
    await broker.publish(download("complete", "later"), channel)
    assert await jobs.command(Command("clear", command_id="1")) is None
    assert await shown(broker, channel) == ["later", "other", "runs", "waits"]


@pytest.mark.parametrize(("age_ms", "left"), [(-60_000, []), (60_000, ["a"])])
async def test_a_server_that_takes_over_removes_what_was_shown_before_the_removal_and_nothing_newer(
    age_ms: int, left: list[str], topology: Topology, broker: Broker, channel: str
) -> None:
    await broker.publish(download(), channel)
    names, removed_at = topology.names(channel), round(time.time() * 1000) - age_ms
    call = functions.fcall(
        "forget", [*names.stream_keys, *names.job_keys], [names.pubsub, 100, "a", f"\ndelete 1\n\n{removed_at}\n"]
    )
    await broker.sender(channel).execute("call forget", call)
    assert await shown(broker, channel) == left


@pytest.mark.parametrize(
    ("change", "told"), [("7 2", {"attempt": 2, "change": 7}), ("7", {})], ids=["of a record", "of none"]
)
async def test_a_server_that_takes_over_tells_of_a_removal_whose_download_it_never_had(
    change: str, told: dict[str, int], topology: Topology, broker: Broker, channel: str
) -> None:
    names = topology.names(channel)
    call = functions.fcall(
        "forget", [*names.stream_keys, *names.job_keys], [names.pubsub, 100, "a", f"n\ndelete 1\n\n{change}\n"]
    )
    for _ in range(2):  # a repetition tells nothing again
        await broker.sender(channel).execute("call forget", call)
    events = [{key: event[key] for key in ("type", "download_id", *told)} for event in await history(broker, channel)]
    assert events == [{"type": "download_deleted", "download_id": "a", **told}]
