"""Commands that are given again, that share an id, and that come too late, the same on fakeredis and on Valkey."""

import time

import pytest
import redis.asyncio

from simulcast.broker import Broker
from simulcast.jobs import Jobs
from simulcast.model.channel import ChannelNames
from simulcast.model.commands import Command
from simulcast.model.job_record import Query
from tests.jobs import URL, claim_job, history

HOUR_MS = 3_600_000


async def fail_job(jobs: Jobs, download_id: str) -> None:
    await jobs.submit(URL, download_id)
    await jobs.finish(await claim_job(jobs), "error", {"error": "no"}, {"error_message": "no"})


async def test_a_command_id_belongs_to_one_action_of_one_download(jobs: Jobs) -> None:
    await jobs.submit(URL, "a")
    await jobs.submit(URL, "b")
    for _ in range(2):
        assert await jobs.command(Command("pause", "a", "1")) is None
    assert (await jobs.get("a")).state == "paused"
    assert await jobs.command(Command("resume", "a", "1")) is None
    assert (await jobs.get("a")).state == "queued"
    assert await jobs.command(Command("pause", "b", "1")) is None
    assert (await jobs.get("b")).state == "paused"
    assert await jobs.command(Command("pause", "a", "1")) is None  # of the first pause: repeated
    assert (await jobs.get("a")).state == "queued"


async def test_the_deletion_of_a_download_harms_none_whose_id_looks_like_a_key(jobs: Jobs) -> None:
    ids = ("a:gone", "gone:a", "a", "job:a", "{a}:job:a", "}:job:a", "meta", "ready")
    for download_id in ids:
        await jobs.submit(f"{URL}/{download_id}", download_id)
        assert await jobs.command(Command("pause", download_id)) is None
    for number, download_id in enumerate(ids[2:], 3):
        assert await jobs.command(Command("delete", download_id)) is None
        assert (await jobs.list(Query())).total == len(ids) - number + 2
    for download_id in ids[:2]:
        assert await jobs.command(Command("resume", download_id)) is None
        assert (await jobs.get(download_id)).state == "queued"


async def test_a_repeated_refusal_is_refused_again(jobs: Jobs) -> None:
    await jobs.submit(URL, "a")
    for _ in range(2):
        assert await jobs.command(Command("resume", "a", "1")) == "invalid_transition"


async def test_clearing_again_under_its_id_clears_nothing_that_ended_since(jobs: Jobs) -> None:
    await fail_job(jobs, "first")
    assert await jobs.command(Command("clear", command_id="c1")) is None
    await fail_job(jobs, "second")
    assert await jobs.command(Command("clear", command_id="c1")) is None
    assert [record.download_id for record in (await jobs.list(Query())).records] == ["second"]
    assert await jobs.command(Command("clear", command_id="c2")) is None
    assert (await jobs.list(Query())).total == 0


async def test_ids_of_clearing_commands_take_bounded_room_and_are_forgotten_after_an_hour(
    jobs: Jobs, client: redis.asyncio.Redis, channel: str
) -> None:
    """Any client may send any number of them."""
    key, now = ChannelNames(channel).meta.replace(":meta", ":cleared"), round(time.time() * 1000)
    await client.zadd(key, {f"id-{n}": now - n for n in range(3_000)} | {'"old"': now - HOUR_MS - 5_000})
    await fail_job(jobs, "a")
    assert await jobs.command(Command("clear", command_id="old")) is None
    assert (await jobs.list(Query())).total == 0
    assert await client.zcard(key) == 1_000
    assert await client.zscore(key, "id-0") == now
    assert 0 < await client.pttl(key) <= HOUR_MS


@pytest.mark.parametrize("action", ["cancel", "pause"])
async def test_an_end_that_overtakes_an_accepted_command_names_it(
    action: str, jobs: Jobs, broker: Broker, channel: str
) -> None:
    await jobs.submit(URL, "a")
    claim = await claim_job(jobs)
    assert await jobs.command(Command(action, "a", "c1")) is None  # type: ignore[arg-type]
    await jobs.finish(claim, "complete", {"file_path": "/a"}, {"file_path": "/a"})
    end = (await history(broker, channel))[-1]
    assert (end["type"], end["command_id"], end["overtaken"]) == ("download_complete", "c1", action)


async def test_a_complete_download_names_the_fresh_link_that_came_too_late(
    jobs: Jobs, broker: Broker, channel: str
) -> None:
    await jobs.submit(URL, "a")
    claim = await claim_job(jobs)
    assert await jobs.command(Command("relink", "a", "c1", url=f"{URL}?fresh")) is None
    await jobs.finish(claim, "complete", {"file_path": "/a"}, {"file_path": "/a"})
    end = (await history(broker, channel))[-1]
    assert (end["type"], end["command_id"], end["overtaken"]) == ("download_complete", "c1", "relink")


async def test_an_end_that_overtakes_nothing_names_nothing(jobs: Jobs, broker: Broker, channel: str) -> None:
    await jobs.submit(URL, "a")
    claim = await claim_job(jobs)
    assert await jobs.command(Command("pause", "a", "c1")) is None
    assert await jobs.command(Command("resume", "a", "c2")) is None
    await jobs.finish(claim, "complete", {"file_path": "/a"}, {"file_path": "/a"})
    end = (await history(broker, channel))[-1]
    assert not {"overtaken", "command_id"} & end.keys()
