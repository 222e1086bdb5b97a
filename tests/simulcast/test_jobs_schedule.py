"""A start that is changed after adding, on fakeredis and on Valkey."""

import time

import pytest

from simulcast.broker import Broker
from simulcast.jobs import Jobs
from simulcast.model.commands import Action, Command
from simulcast.model.download_options import DownloadOptions
from tests.jobs import URL, claim_job, history

FAR_S = 3600.0


def schedule(download_id: str, ahead_s: float | None, command_id: str = "") -> Command:
    start_at = 0.0 if ahead_s is None else time.time() + ahead_s
    return Command("schedule", download_id, command_id, start_at=start_at)


async def submit_later(jobs: Jobs, download_id: str, priority: int = 0) -> None:
    await jobs.submit(URL, download_id, priority, DownloadOptions(start_at=time.time() + FAR_S))


async def assert_waits(jobs: Jobs) -> None:
    assert await jobs.claim("w", 30) is None


@pytest.mark.parametrize("ahead_s", [None, -60.0])
async def test_one_that_waits_for_its_start_starts_now(
    ahead_s: float | None, jobs: Jobs, broker: Broker, channel: str
) -> None:
    await submit_later(jobs, "late")
    await jobs.submit(URL, "later added")
    assert await jobs.command(schedule("late", ahead_s, "c1")) is None
    event = (await history(broker, channel))[-1]
    assert (event["type"], event["command_id"], "start_at" in event) == ("download_queued", "c1", False)
    assert (await jobs.get("late")).start_at is None
    claimed = [(await claim_job(jobs)).record.download_id for _ in range(2)]
    assert claimed == ["late", "later added"], "it takes its turn by the time at which it was added"


async def test_a_start_is_put_off_and_one_that_waits_for_a_worker_gets_one(
    jobs: Jobs, broker: Broker, channel: str
) -> None:
    await submit_later(jobs, "late")
    await jobs.submit(URL, "ready")
    for download_id in ("late", "ready"):
        command = schedule(download_id, 2 * FAR_S)
        assert await jobs.command(command) is None
        record = await jobs.get(download_id)
        assert record.start_at == pytest.approx(command.start_at, abs=0.001)
        assert (await history(broker, channel))[-1]["start_at"] == record.start_at
    await assert_waits(jobs)
    await jobs.command(schedule("ready", None))
    assert (await claim_job(jobs)).record.download_id == "ready"


async def test_one_that_is_paused_stays_paused(jobs: Jobs, broker: Broker, channel: str) -> None:
    await submit_later(jobs, "late")
    await jobs.command(Command("pause", "late"))
    assert await jobs.command(schedule("late", 2 * FAR_S)) is None
    record = await jobs.get("late")
    event = (await history(broker, channel))[-1]
    assert (record.state, event["type"], event["start_at"]) == ("paused", "download_paused", record.start_at)
    await jobs.command(schedule("late", None))
    await assert_waits(jobs)
    await jobs.command(Command("resume", "late"))
    assert (await claim_job(jobs)).record.download_id == "late"


async def test_one_that_waits_for_its_next_try_waits_for_its_start_instead(jobs: Jobs) -> None:
    await jobs.submit(URL, "a")
    await jobs.finish(await claim_job(jobs), "queued", {"error": "503", "delay_ms": "60000"})
    await jobs.command(schedule("a", FAR_S))
    record = await jobs.get("a")
    assert (record.retry_at, record.error_message, record.start_at is None) == (None, None, False)
    await assert_waits(jobs)
    await jobs.command(schedule("a", None))
    assert (await claim_job(jobs)).record.download_id == "a"


async def test_now_is_nothing_new_for_one_that_waits_for_a_worker(jobs: Jobs, broker: Broker, channel: str) -> None:
    await jobs.submit(URL, "a")
    count = len(await history(broker, channel))
    assert await jobs.command(schedule("a", None)) is None
    assert len(await history(broker, channel)) == count


async def test_a_command_that_is_sent_again_changes_the_start_once(jobs: Jobs) -> None:
    await submit_later(jobs, "late")
    command = schedule("late", 2 * FAR_S, "c1")
    await jobs.command(command)
    await jobs.command(schedule("late", 3 * FAR_S))
    before = await jobs.get("late")
    assert await jobs.command(command) is None
    assert await jobs.get("late") == before


async def test_one_that_runs_or_has_ended_is_refused(jobs: Jobs) -> None:
    for download_id in "abcd":
        await jobs.submit(URL, download_id)
    await claim_job(jobs)  # a
    await jobs.finish(await claim_job(jobs), "complete", {"file_path": "/a"})
    await jobs.finish(await claim_job(jobs), "error", {"error": "404"})
    await jobs.command(Command("cancel", "d"))
    for download_id in "abcd":
        for ahead_s in (None, FAR_S):
            command = schedule(download_id, ahead_s)
            assert await jobs.command(command) == "invalid_transition"
            assert "it runs or has ended" in command.describe("invalid_transition")
            assert (await jobs.get(download_id)).start_at is None
    assert await jobs.command(schedule("nobody", None)) == "unknown_download"


async def test_the_priority_of_one_that_waits_for_its_start_is_changed(
    jobs: Jobs, broker: Broker, channel: str
) -> None:
    await submit_later(jobs, "late")
    await jobs.submit(URL, "ready", 1)
    assert await jobs.command(Command("prioritize", "late", priority=2)) is None
    record, event = await jobs.get("late"), (await history(broker, channel))[-1]
    assert (record.priority, event["priority"], event["queue_rank"]) == (2, 2, record.queue_rank)
    assert event["start_at"] == record.start_at
    assert await jobs.command(Command("prioritize", "late", priority=3)) is None
    assert (await claim_job(jobs)).record.download_id == "ready"
    await assert_waits(jobs)
    await jobs.submit(URL, "behind", 2)
    await jobs.command(schedule("late", None))
    assert [(await claim_job(jobs)).record.download_id for _ in range(2)] == ["late", "behind"]


@pytest.mark.parametrize("action", ["retry", "pause", "cancel"])
async def test_other_commands_do_to_it_what_they_did(action: Action, jobs: Jobs) -> None:
    await jobs.submit(URL, "a")
    await jobs.command(schedule("a", FAR_S))
    assert await jobs.command(Command(action, "a")) is None
    states = {"retry": ("queued", True), "pause": ("paused", False), "cancel": ("cancelled", True)}
    record = await jobs.get("a")
    assert (record.state, record.start_at is None) == states[action]
