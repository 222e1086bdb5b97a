"""A fresh link for a download, and one URL that is added twice: the same on every server and topology."""

import asyncio
import json
import secrets

import pytest
import redis.asyncio

from simulcast.broker import Broker
from simulcast.jobs import DesiredState, Jobs, ReleaseState
from simulcast.model.channel import ChannelNames
from simulcast.model.commands import Command
from simulcast.model.download_options import NO_OPTIONS, DownloadOptions
from simulcast.model.job_record import Query
from simulcast.testing import run_server
from tests.jobs import URL, claim_job, history

FRESH = "http://user:secret@example.com/files/a%20b.iso?x=2"
PART = {"part": "a.part", "etag": '"v1"', "mirror": "http://mirror.example/old"}


def relink(url: str = FRESH, command_id: str = "") -> Command:
    return Command("relink", "a", command_id, url=url)


@pytest.mark.parametrize("state", ["queued", "running", "paused", "error"])
async def test_a_fresh_link_is_what_the_next_claim_gets_with_the_part_file(state: str, jobs: Jobs) -> None:
    await jobs.submit(URL, "a")
    if state != "queued":
        lease = await claim_job(jobs)
        await jobs.save(lease, PART)
    if state == "paused":
        await jobs.command(Command("pause", "a"))
        await jobs.finish(lease, "paused", PART)
    if state == "error":
        await jobs.finish(lease, "error", {"error": "no", **PART}, {"error_message": "no"})
    assert await jobs.command(relink()) is None
    assert (await jobs.get("a")).url == "http://example.com/files/a%20b.iso?x=2"
    if state == "running":
        assert await jobs.renew([lease], 30) == [DesiredState("queued")]
        await jobs.finish(lease, "queued", PART)
    if state == "paused":
        assert (await jobs.get("a")).state == "paused", "the link resumes nothing"
        await jobs.command(Command("resume", "a"))
    claimed = await claim_job(jobs)
    assert claimed.fields["url"] == FRESH
    assert json.loads(f"{{{claimed.fields['about']}}}")["url"] == "http://example.com/files/a%20b.iso?x=2"
    assert "mirror" not in claimed.fields, "it belongs to the old link"
    if state != "queued":
        assert (claimed.fields["part"], claimed.fields["etag"]) == ("a.part", '"v1"')
    assert await jobs.renew([claimed], 30) == [DesiredState("running")], "the link is known"


@pytest.mark.parametrize("ending", ["error", "queued"])
async def test_a_failure_that_a_fresh_link_overtakes_is_none(
    ending: ReleaseState, jobs: Jobs, broker: Broker, channel: str
) -> None:
    await jobs.submit(URL, "a")
    lease = await claim_job(jobs)
    assert await jobs.command(relink(command_id="c1")) is None
    await jobs.finish(lease, ending, {"error": "403", "delay_ms": "60000"}, {"error_message": "403"})
    last = (await history(broker, channel))[-1]
    assert (last["type"], last["command_id"], "error_message" in last) == ("download_queued", "c1", False)
    assert last["url"] == "http://example.com/files/a%20b.iso?x=2"
    assert (await claim_job(jobs)).fields["url"] == FRESH, "it does not wait"


async def test_a_fresh_link_starts_a_download_that_waits_for_its_next_try(jobs: Jobs) -> None:
    await jobs.submit(URL, "a")
    await jobs.finish(await claim_job(jobs), "queued", {"error": "503", "delay_ms": "60000"})
    assert await jobs.claim("w1", 30) is None
    assert await jobs.command(relink()) is None
    assert (await claim_job(jobs)).fields["url"] == FRESH


@pytest.mark.parametrize("ending", ["complete", "cancelled"])
async def test_a_download_that_has_ended_gets_no_fresh_link(ending: ReleaseState, jobs: Jobs) -> None:
    await jobs.submit(URL, "a")
    lease = await claim_job(jobs)
    await jobs.command(Command("cancel", "a")) if ending == "cancelled" else None
    await jobs.finish(lease, ending, {})
    assert await jobs.command(relink()) == "invalid_transition"
    assert "a" in relink().describe("invalid_transition") and "add the URL" in relink().describe("invalid_transition")
    assert (await jobs.get("a")).url == "http://example.com/files/a%20b.iso?x=1"


async def test_a_pause_after_a_fresh_link_wins_and_the_link_stays(jobs: Jobs) -> None:
    await jobs.submit(URL, "a")
    lease = await claim_job(jobs)
    assert await jobs.command(relink()) is None
    assert await jobs.command(Command("pause", "a")) is None
    assert await jobs.renew([lease], 30) == [DesiredState("paused")]
    await jobs.finish(lease, "paused", {})
    await jobs.command(Command("resume", "a"))
    assert (await claim_job(jobs)).fields["url"] == FRESH


@pytest.mark.parametrize(
    ("url", "keeps"),
    [
        (FRESH, True),
        ("http://example.com:80/other", True),
        ("https://example.com/files/a", False),
        ("http://example.com:8080/a", False),
        ("http://evil.example/a", False),
    ],
)
async def test_secrets_stay_with_the_origin_that_they_were_given_for(url: str, keeps: bool, jobs: Jobs) -> None:
    secret = {"headers": {"Cookie": "s"}, "name": "n", "checksum": f"md5:{'0' * 32}", "proxy": "http://k:p@proxy:1/"}
    options = DownloadOptions.model_validate({**secret, "basic": {"user": "kim", "password": "pw"}})
    await jobs.submit(URL, "a", options=options)
    assert await jobs.command(relink(url)) is None
    kept = DownloadOptions.from_json((await claim_job(jobs)).fields["options"])
    assert kept == (options if keeps else options.model_copy(update={"headers": {}, "basic": None}))


async def test_a_url_that_is_there_is_not_added_again_unless_that_is_stated(jobs: Jobs) -> None:
    first = await jobs.submit(URL, unless_same=True)
    second = await jobs.submit(URL, unless_same=True, priority=3)
    assert (first.existing, second.existing) == (False, True)
    assert second.download_id == first.download_id
    assert not (await jobs.submit(URL)).existing
    assert not (await jobs.submit(f"{URL}2", unless_same=True)).existing
    assert (await jobs.list(Query())).total == 3


async def test_other_options_make_another_download_but_the_limit_does_not(jobs: Jobs) -> None:
    async def add(**members: object) -> bool:
        options = DownloadOptions.model_validate(members) if members else NO_OPTIONS
        return (await jobs.submit(URL, options=options, unless_same=True)).existing

    assert [await add(), await add(limit_bytes_per_s=5), await add(name="b"), await add(name="b")] == [
        False,
        True,
        False,
        True,
    ]
    headers = {"A": "1", "B": "2"}
    assert [await add(headers=headers), await add(headers=dict(reversed(headers.items())))] == [False, True]


@pytest.mark.parametrize(
    ("ending", "is_there"), [("complete", True), ("paused", True), ("error", False), ("cancelled", False)]
)
async def test_a_download_that_failed_or_was_cancelled_does_not_count(
    ending: ReleaseState, is_there: bool, jobs: Jobs
) -> None:
    await jobs.submit(URL, "a")
    lease = await claim_job(jobs)
    if ending in ("paused", "cancelled"):
        await jobs.command(Command("pause" if ending == "paused" else "cancel", "a"))
    await jobs.finish(lease, ending, {})
    assert (await jobs.submit(URL, unless_same=True)).existing == is_there


async def test_a_complete_download_whose_file_is_gone_does_not_count(jobs: Jobs) -> None:
    await jobs.submit(URL, "a")
    again = await jobs.submit(URL, unless_same=True, gone="a")
    assert not again.existing
    assert (await jobs.submit(URL, unless_same=True, gone="a")).download_id == again.download_id, "added once"


async def test_a_fresh_link_counts_and_the_old_one_no_longer_does(jobs: Jobs) -> None:
    await jobs.submit(URL, "a")
    await jobs.command(relink())
    assert (await jobs.submit(FRESH, unless_same=True)).download_id == "a"
    assert not (await jobs.submit(URL, unless_same=True)).existing


async def test_of_many_that_add_one_url_simultaneously_one_does(jobs: Jobs) -> None:
    records = await asyncio.gather(*(jobs.submit(URL, unless_same=True) for _ in range(50)))
    assert [record.existing for record in records].count(False) == 1
    assert len({record.download_id for record in records}) == 1


async def test_what_is_remembered_of_urls_ends_with_their_records_and_adding_scans_nothing() -> None:
    with run_server() as url:
        broker = Broker.connect(url)
        jobs = Jobs.connect(url, broker)
        links = f"{{{ChannelNames().pubsub}}}:links"
        async with redis.asyncio.Redis.from_url(url) as client:

            async def calls() -> int:
                """Commands of one submission, those within the function included."""
                await client.config_resetstat()
                await jobs.submit(f"{URL}{secrets.token_hex(4)}", unless_same=True)
                return sum(stat["calls"] for stat in (await client.info("commandstats")).values())

            await calls()
            few = await calls()
            for number in range(300):
                await jobs.submit(f"{URL}{number}", str(number), unless_same=True)
            assert await calls() == few
            await jobs.submit(f"{URL}5", "x")
            await jobs.command(Command("relink", "6", url=f"{URL}7"))
            for record in (await jobs.list(Query(limit=1000))).records:
                assert await client.exists(links)
                await jobs.command(Command("delete", record.download_id))
            assert not await client.exists(links)
            assert int(await client.hget(ChannelNames().meta, "queue_bytes") or -1) == 0
        await jobs.aclose()
        await broker.aclose()
