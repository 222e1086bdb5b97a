"""What jobs promise, the same on every server and topology."""

import asyncio
import json

import pytest

from simulcast.broker import Broker
from simulcast.errors import LeaseLost
from simulcast.jobs import DesiredState, Jobs, Lease
from simulcast.model.commands import Command
from simulcast.model.job_record import Query
from tests.conditions import eventually
from tests.jobs import URL, claim_job, history

SHORT_LEASE_S = 0.05


async def types(broker: Broker, channel: str) -> list[str]:
    return [str(event["type"]).removeprefix("download_") for event in await history(broker, channel)]


async def test_a_submitted_download_is_queued_and_told_without_its_password(
    jobs: Jobs, broker: Broker, channel: str
) -> None:
    record = await jobs.submit(URL)
    assert (record.state, record.name, record.attempt) == ("queued", "a b.iso", 1)
    assert record.url == "http://example.com/files/a%20b.iso?x=1"
    events = await history(broker, channel)
    assert [event["type"] for event in events] == ["download_queued"]
    assert "secret" not in json.dumps(events)
    assert (await jobs.list(Query())).records == [await jobs.get(record.download_id)]
    again = await jobs.submit(URL, record.download_id)
    assert again.existing and again.download_id == record.download_id
    with pytest.raises(ValueError, match=record.download_id):
        await jobs.submit(f"{URL}2", record.download_id)
    assert len(await history(broker, channel)) == 1


async def test_jobs_are_claimed_once_each_in_their_order(jobs: Jobs, channel: str) -> None:
    ids = []
    for n in range(3):
        ids.append((await jobs.submit(f"http://example.com/{n}")).download_id)
        await asyncio.sleep(0.002)  # the rank is the millisecond of submitting
    claims = [await claim_job(jobs) for _ in range(3)]
    assert [claim.record.download_id for claim in claims] == ids
    assert len({claim.token for claim in claims}) == 3
    assert await jobs.claim("w2", 30) is None
    assert claims[0].fields["url"] == "http://example.com/0"


async def test_a_whole_life_is_told_in_order(jobs: Jobs, broker: Broker, channel: str) -> None:
    await jobs.submit(URL)
    claim = await claim_job(jobs)
    await jobs.progress(claim, b'{"type":"download_progress"}', {"progress": "0.5", "received": "5"})
    await jobs.finish(claim, "complete", {"progress": "1.0", "file_path": "/a"}, {"file_path": "/a"})
    assert await types(broker, channel) == ["queued", "started", "progress", "complete"]
    assert (await history(broker, channel))[-1]["file_path"] == "/a"
    record = await jobs.get(claim.record.download_id)
    assert (record.state, record.progress, record.file_path, record.worker) == ("complete", 1.0, "/a", None)


async def test_an_end_that_is_told_twice_is_kept_once(jobs: Jobs, broker: Broker, channel: str) -> None:
    await jobs.submit(URL)
    claim = await claim_job(jobs)
    for _ in range(3):
        await jobs.finish(claim, "complete", {"file_path": "/a"}, {"file_path": "/a"})
    assert await types(broker, channel) == ["queued", "started", "complete"]


async def test_after_its_end_an_owner_can_say_nothing_more(jobs: Jobs, broker: Broker, channel: str) -> None:
    await jobs.submit(URL)
    claim = await claim_job(jobs)
    await jobs.finish(claim, "error", {"error": "no"}, {"error_message": "no"})
    with pytest.raises(LeaseLost):
        await jobs.progress(claim, b"{}", {})
    with pytest.raises(LeaseLost):
        await jobs.finish(claim, "complete", {}, {"file_path": "/a"})
    assert await types(broker, channel) == ["queued", "started", "error"]


async def test_a_silent_owner_is_succeeded_and_can_say_nothing_more(jobs: Jobs, broker: Broker, channel: str) -> None:
    await jobs.submit(URL)
    first = await claim_job(jobs, "w1", SHORT_LEASE_S)
    found: list[Lease] = []

    async def succeed() -> bool:
        claim = await jobs.claim("w2", 30)
        if claim is not None:
            found.append(claim)
        return bool(found)

    await eventually(succeed, "the expired lease's claim")
    second = found[0]
    assert second.token != first.token
    assert await jobs.renew([first, second], 30) == [DesiredState("lost"), DesiredState("running")]
    with pytest.raises(LeaseLost):
        await jobs.progress(first, b"{}", {})
    with pytest.raises(LeaseLost):
        await jobs.save(first, {"name": "x"})
    await jobs.finish(second, "complete", {"file_path": "/a"}, {"file_path": "/a"})
    assert await types(broker, channel) == ["queued", "started", "queued", "resumed", "complete"]


async def test_a_renewed_lease_does_not_expire(jobs: Jobs) -> None:
    await jobs.submit(URL)
    claim = await claim_job(jobs, "w1", SHORT_LEASE_S)
    assert await jobs.renew([claim], 30) == [DesiredState("running")]
    await asyncio.sleep(SHORT_LEASE_S * 1.5)
    assert await jobs.claim("w2", 30) is None


async def test_a_download_that_three_workers_in_a_row_were_lost_with_is_set_aside(
    jobs: Jobs, broker: Broker, channel: str
) -> None:
    await jobs.submit(URL)

    async def set_aside() -> bool:
        await jobs.claim("w", 0.001)
        return (await types(broker, channel))[-1] == "error"

    await eventually(set_aside, "setting aside")
    assert (await types(broker, channel)).count("queued") == 3
    assert "3 workers" in str((await history(broker, channel))[-1]["error_message"])


@pytest.mark.parametrize(("action", "ending"), [("pause", "paused"), ("cancel", "cancelled")])
async def test_a_command_to_an_owned_download_is_its_owners_to_obey(
    action: str, ending: str, jobs: Jobs, broker: Broker, channel: str
) -> None:
    record = await jobs.submit(URL)
    claim = await claim_job(jobs)
    command = Command(action, record.download_id, "c1")  # type: ignore[arg-type]
    assert await jobs.command(command) is None
    assert await jobs.command(command) is None  # sent again under its id
    assert await jobs.renew([claim], 30) == [DesiredState(ending)]  # type: ignore[arg-type]
    await jobs.finish(claim, ending, {})  # type: ignore[arg-type]
    last = (await history(broker, channel))[-1]
    assert (last["type"], last["command_id"]) == (f"download_{ending}", "c1")
    assert await types(broker, channel) == ["queued", "started", ending]


async def test_a_download_without_an_owner_obeys_at_once(jobs: Jobs, broker: Broker, channel: str) -> None:
    download_id = (await jobs.submit(URL)).download_id
    assert await jobs.command(Command("pause", download_id)) is None
    assert await jobs.claim("w", 30) is None
    assert await jobs.command(Command("resume", download_id)) is None
    assert await jobs.command(Command("cancel", download_id)) is None
    assert await jobs.claim("w", 30) is None
    assert await jobs.command(Command("retry", download_id)) is None
    claim = await claim_job(jobs)
    assert claim.record.attempt == 2
    assert await types(broker, channel) == ["queued", "paused", "queued", "cancelled", "queued", "started"]


async def test_a_command_outlives_the_worker_it_was_meant_for(jobs: Jobs, broker: Broker, channel: str) -> None:
    download_id = (await jobs.submit(URL)).download_id
    await claim_job(jobs, "w1", SHORT_LEASE_S)
    assert await jobs.command(Command("pause", download_id, "c9")) is None

    async def paused() -> bool:
        assert await jobs.claim("w2", 30) is None
        return (await jobs.get(download_id)).state == "paused"

    await eventually(paused, "the pause")
    assert (await history(broker, channel))[-1]["command_id"] == "c9"


async def test_a_pause_that_was_taken_back_before_its_owner_obeyed_ends_in_the_queue(
    jobs: Jobs, broker: Broker, channel: str
) -> None:
    download_id = (await jobs.submit(URL)).download_id
    claim = await claim_job(jobs)
    assert await jobs.command(Command("pause", download_id, "c1")) is None
    assert await jobs.command(Command("resume", download_id, "c2")) is None
    assert await jobs.renew([claim], 30) == [DesiredState("running")]
    await jobs.finish(claim, "paused", {})
    assert (await jobs.get(download_id)).state == "queued"
    assert "command_id" not in (await history(broker, channel))[-1]


@pytest.mark.parametrize(
    ("state", "refused"),
    [
        ("queued", {"resume", "retry"}),
        ("running", {"resume", "retry"}),
        ("paused", {"pause", "retry"}),
        ("complete", {"pause", "resume", "cancel", "retry"}),
        ("error", {"pause", "resume", "cancel"}),
        ("cancelled", {"pause", "resume", "cancel"}),
    ],
)
async def test_which_commands_each_state_takes(state: str, refused: set[str], jobs: Jobs) -> None:
    found = set()
    for action in ("pause", "resume", "cancel", "retry"):
        download_id = (await jobs.submit(URL)).download_id
        claim = await claim_job(jobs) if state != "queued" else None
        if claim is not None and state != "running":
            if state in ("paused", "cancelled"):
                wish = "pause" if state == "paused" else "cancel"
                await jobs.command(Command(wish, download_id))  # type: ignore[arg-type]
            await jobs.finish(claim, state, {})  # type: ignore[arg-type]
        if await jobs.command(Command(action, download_id)) == "invalid_transition":
            found.add(action)
        while await jobs.claim("other", 30):
            pass
    assert found == refused


async def test_a_command_for_no_download_says_so(jobs: Jobs) -> None:
    assert await jobs.command(Command("pause", "nobody")) == "unknown_download"
    with pytest.raises(KeyError):
        await jobs.get("nobody")


async def test_an_orderly_hand_over_puts_the_job_back_with_its_place(jobs: Jobs) -> None:
    first = (await jobs.submit(URL)).download_id
    await asyncio.sleep(0.002)
    await jobs.submit(URL)
    claim = await claim_job(jobs)
    await jobs.finish(claim, "queued", {"part": "x.part.1"})
    again = await claim_job(jobs, "w2")
    assert again.record.download_id == first
    assert again.fields["part"] == "x.part.1"


async def test_a_higher_priority_goes_first(jobs: Jobs) -> None:
    ids = [(await jobs.submit(URL, priority=priority)).download_id for priority in (0, -1, 5)]
    claims = [await claim_job(jobs) for _ in range(3)]
    assert [claim.record.download_id for claim in claims] == [ids[2], ids[0], ids[1]]


async def test_a_deleted_download_is_told_and_gone_and_its_files_are_left_to_a_worker_of_its_host(
    jobs: Jobs, broker: Broker, channel: str
) -> None:
    first = (await jobs.submit(URL)).download_id
    claim = await claim_job(jobs, "host-a:1")
    delete = Command("delete", first, "c1", with_file=True)
    assert await jobs.command(Command("delete", first)) == "invalid_transition"  # it runs
    await jobs.finish(
        claim, "complete", {"part": "p", "file_path": "/downloads/a b.iso"}, {"file_path": "/downloads/a b.iso"}
    )
    assert await jobs.command(delete) is None
    assert await jobs.command(delete) is None  # sent again under its id
    assert await jobs.command(Command("delete", first)) == "unknown_download"
    assert (await types(broker, channel))[-1] == "deleted"
    assert (await jobs.list(Query())).total == 0
    assert await jobs.orphaned_files("host-b:1") == ()
    assert await jobs.orphaned_files("host-a:2") == ("a b.iso",)
    await jobs.forget_orphans("host-a:2", ["a b.iso"])
    assert await jobs.orphaned_files("host-a:2") == ()


async def test_cancelling_what_nobody_owns_leaves_its_part_file_to_a_worker_of_its_host(jobs: Jobs) -> None:
    download_id = (await jobs.submit(URL)).download_id
    claim = await claim_job(jobs, "host:1")
    await jobs.command(Command("pause", download_id))
    await jobs.finish(claim, "paused", {"part": "a.part.1"})
    await jobs.command(Command("cancel", download_id))
    assert await jobs.orphaned_files("host:2") == ("a.part.1",)


async def test_clearing_deletes_what_has_ended_and_nothing_else(jobs: Jobs, broker: Broker, channel: str) -> None:
    ended = [(await jobs.submit(URL)).download_id for _ in range(3)]
    for _ in ended:
        await jobs.finish(await claim_job(jobs), "error", {"error": "no"}, {"error_message": "no"})
    queued = (await jobs.submit(URL)).download_id
    await jobs.command(Command("retry", ended[0]))
    assert await jobs.command(Command("clear")) is None
    page = await jobs.list(Query())
    assert page.total == 2
    assert {record.download_id for record in page.records} == {queued, ended[0]}
    assert (await types(broker, channel)).count("deleted") == 2
