"""A file name that is changed after adding, on fakeredis and on Valkey."""

import pytest
from pydantic import SecretStr

from simulcast.broker import Broker
from simulcast.jobs import Jobs
from simulcast.model.commands import Action, Command
from simulcast.model.download_options import DownloadOptions
from tests.jobs import URL, claim_job, history

NAMES = ['b "quoted" \U0001f4be.iso', 'ü,"url":\'', "x" * 200]


def rename(name: str, command_id: str = "", download_id: str = "a") -> Command:
    return Command("rename", download_id, command_id, name=name)


@pytest.mark.parametrize("name", NAMES)
async def test_the_next_owner_and_all_clients_get_the_name(name: str, jobs: Jobs, broker: Broker, channel: str) -> None:
    options = DownloadOptions(name="a.iso", headers={"Cookie": SecretStr("a=b/c")})
    before = await jobs.submit(URL, "a", 3, options, owner="kim", traceparent="00-" + "1" * 32 + "-" + "2" * 16 + "-01")
    assert await jobs.command(rename(name, "c1")) is None
    record, event = await jobs.get("a"), (await history(broker, channel))[-1]
    assert record.model_copy(update={"name": before.name, "updated_at": before.updated_at}).model_dump() == {
        key: value for key, value in before.model_dump().items() if key != "existing"
    }
    assert record.name == name
    assert (event["type"], event["name"], event["command_id"]) == ("download_queued", name, "c1")
    assert (event["owner"], event["url"], event["priority"]) == ("kim", before.url, 3)
    lease = await claim_job(jobs)
    options = DownloadOptions.from_json(lease.fields["options"])
    assert (options.name, options.headers["Cookie"].get_secret_value()) == (name, "a=b/c")
    event = (await history(broker, channel))[-1]
    assert (event["type"], event["name"], str(event["traceparent"])[3:35]) == ("download_started", name, "1" * 32)
    await jobs.command(Command("relink", "a", url=f"{URL}?fresh"))


async def test_one_that_is_paused_keeps_its_bytes_and_its_start(jobs: Jobs, broker: Broker, channel: str) -> None:
    await jobs.submit(URL, "a")
    lease = await claim_job(jobs)
    await jobs.save(lease, {"received": "5", "progress": "0.5", "part": "a.part.1-x"})
    await jobs.command(Command("pause", "a"))
    await jobs.finish(lease, "paused", {})
    assert await jobs.command(rename("b.iso")) is None
    record, event = await jobs.get("a"), (await history(broker, channel))[-1]
    assert (record.state, record.name, record.received_bytes) == ("paused", "b.iso", 5)
    assert (event["type"], event["name"], event["received_bytes"]) == ("download_paused", "b.iso", 5)
    await jobs.command(Command("relink", "a", url="https://example.org/fresh"))
    await jobs.command(Command("resume", "a"))
    lease = await claim_job(jobs)
    assert (lease.record.name, lease.record.url, lease.fields["part"]) == (
        "b.iso",
        "https://example.org/fresh",
        "a.part.1-x",
    )


async def test_the_bytes_of_the_record_are_counted(jobs: Jobs) -> None:
    await jobs.submit(URL, "a")

    async def counted() -> tuple[int, int]:
        async with jobs._servers.client_at(jobs.channel, "read the counts") as client:
            one = await client.hget(f"{jobs._names.job_prefix}a", "bytes")
            return int(one or 0), int(await client.hget(jobs._names.stream_keys[0], "queue_bytes") or 0)

    before = await counted()
    await jobs.command(rename("x" * 200))
    grown = await counted()
    assert before[0] + 400 < grown[0] < before[0] + 800
    assert grown[1] - before[1] == grown[0] - before[0]
    await jobs.command(rename("b"))
    assert (await counted())[0] < grown[0] - 500


async def test_a_download_with_another_name_is_another_download(jobs: Jobs) -> None:
    await jobs.submit(URL, "a", unless_same=True)
    await jobs.command(rename("b.iso"))
    assert not (await jobs.submit(URL, "b", unless_same=True)).existing
    assert (await jobs.submit(URL, "c", unless_same=True)).download_id == "b"


async def test_a_command_that_is_sent_again_names_it_once(jobs: Jobs) -> None:
    await jobs.submit(URL, "a")
    for name, command_id in (("b", "c1"), ("c", "c2"), ("b", "c1")):
        assert await jobs.command(rename(name, command_id)) is None
    assert (await jobs.get("a")).name == "c"


async def test_one_that_has_an_owner_or_a_file_or_has_ended_is_refused(jobs: Jobs) -> None:
    for download_id in "abcdef":
        await jobs.submit(URL, download_id)
    await claim_job(jobs)  # a
    await jobs.finish(await claim_job(jobs), "complete", {"file_path": "/b"})
    await jobs.finish(await claim_job(jobs), "error", {"error": "404"})
    await jobs.finish(await claim_job(jobs), "queued", {"error": "503", "delay_ms": "60000"})
    lease = await claim_job(jobs)  # e
    await jobs.finish(lease, "queued", {"finishing": "1 2 3 e"})
    await jobs.command(Command("cancel", "f"))
    for download_id in "abcdef":
        command = rename("x", download_id=download_id)
        assert await jobs.command(command) == "invalid_transition"
        assert "pause it first" in command.describe("invalid_transition")
        assert (await jobs.get(download_id)).name != "x"
    assert await jobs.command(rename("x", download_id="nobody")) == "unknown_download"


@pytest.mark.parametrize("action", ["pause", "cancel"])
async def test_other_commands_keep_the_name(action: Action, jobs: Jobs) -> None:
    await jobs.submit(URL, "a")
    await jobs.command(rename("b.iso"))
    await jobs.command(Command(action, "a"))
    await jobs.command(Command("resume" if action == "pause" else "retry", "a"))
    assert (await claim_job(jobs)).record.name == "b.iso"
