"""What jobs promise of retries, limits and busy servers, the same on fakeredis and on Valkey."""

import asyncio
import json
import time

import pytest

from simulcast.broker import Broker
from simulcast.jobs import DesiredState, Jobs, Lease
from simulcast.model.commands import Command
from simulcast.model.download_options import DownloadOptions
from tests.conditions import eventually
from tests.jobs import URL, claim_job, history
from tests.valkey import Valkey

SOON = {"delay_ms": "40"}
LATE = {"delay_ms": "60000"}


async def put_off(jobs: Jobs, fields: dict[str, str], retries: int = 1) -> Lease:
    """The claim of a download that its owner put back for later."""
    claim = await claim_job(jobs)
    again = {"error": "the server answered 503", "retries": str(retries), **fields}
    await jobs.finish(claim, "queued", again, {"error_message": "the server answered 503", "retries": retries})
    return claim


async def test_what_is_put_off_is_told_with_its_reason_and_claimed_when_its_time_has_come(
    jobs: Jobs, broker: Broker, channel: str
) -> None:
    download_id = (await jobs.submit(URL)).download_id
    await put_off(jobs, SOON)
    waiting = await jobs.get(download_id)
    event = (await history(broker, channel))[-1]
    assert (event["type"], event["retries"]) == ("download_queued", 1)
    assert event["retry_at"] == waiting.retry_at == pytest.approx(waiting.updated_at + 0.04, abs=0.01)
    assert event["error_message"] == waiting.error_message == "the server answered 503"
    found: list[Lease] = []

    async def comes_back() -> bool:
        claim = await jobs.claim("another", 30)
        found.extend([claim] if claim else [])
        return bool(found)

    await eventually(comes_back, "the next try")
    record = await jobs.get(download_id)
    assert (record.retries, record.attempt, record.retry_at, record.error_message) == (1, 1, None, None)
    assert (await history(broker, channel))[-1]["type"] == "download_resumed"


async def test_what_is_put_off_holds_up_nothing_else(jobs: Jobs) -> None:
    await jobs.submit(URL, "first")
    await put_off(jobs, LATE)
    await jobs.submit(URL, "second", priority=-9)
    assert (await claim_job(jobs)).record.download_id == "second"
    assert await jobs.claim("w", 30) is None


async def test_what_is_put_off_can_be_tried_now_in_the_same_attempt(jobs: Jobs, broker: Broker, channel: str) -> None:
    download_id = (await jobs.submit(URL)).download_id
    assert await jobs.command(Command("retry", download_id)) == "invalid_transition"
    await put_off(jobs, LATE)
    assert await jobs.command(Command("retry", download_id, "c1")) is None
    event = (await history(broker, channel))[-1]
    assert (event["type"], event["command_id"], event["attempt"]) == ("download_queued", "c1", 1)
    assert "retry_at" not in event
    record = await jobs.get(download_id)
    assert (record.retry_at, record.error_message) == (None, None)
    assert (await claim_job(jobs)).record.retries == 1


@pytest.mark.parametrize(("action", "state"), [("pause", "paused"), ("cancel", "cancelled")])
async def test_what_is_put_off_obeys_at_once_and_does_not_come_back(action: str, state: str, jobs: Jobs) -> None:
    download_id = (await jobs.submit(URL)).download_id
    await put_off(jobs, SOON)
    assert await jobs.command(Command(action, download_id)) is None  # type: ignore[arg-type]
    record = await jobs.get(download_id)
    assert (record.state, record.retry_at, record.error_message) == (state, None, None)
    await jobs.submit(URL, "later")
    await put_off(jobs, SOON)
    found: list[str] = []

    async def the_later_one_is_due() -> bool:
        claim = await jobs.claim("w", 30)
        found.extend([claim.record.download_id] if claim else [])
        return bool(found)

    await eventually(the_later_one_is_due, "the other's next try")
    assert found == ["later"]


async def test_a_pause_that_was_wished_wins_over_the_next_try(jobs: Jobs) -> None:
    download_id = (await jobs.submit(URL)).download_id
    claim = await claim_job(jobs)
    await jobs.command(Command("pause", download_id))
    await jobs.finish(claim, "queued", {"error": "no", "retries": "1", **SOON}, {"error_message": "no"})
    record = await jobs.get(download_id)
    assert (record.state, record.retry_at) == ("paused", None)
    await jobs.command(Command("resume", download_id))
    claim = await claim_job(jobs)
    await jobs.finish(claim, "queued", {}, None)
    assert (await claim_job(jobs)).record.download_id == download_id, "an old delay put it off again"


async def test_another_attempt_counts_its_retries_anew(jobs: Jobs) -> None:
    download_id = (await jobs.submit(URL)).download_id
    await put_off(jobs, LATE, retries=7)
    await jobs.command(Command("cancel", download_id))
    await jobs.command(Command("retry", download_id))
    record = (await claim_job(jobs)).record
    assert (record.attempt, record.retries) == (2, 0)


async def test_downloads_of_other_servers_start_behind_hundreds_of_a_busy_one(jobs: Jobs) -> None:
    await asyncio.gather(*(jobs.submit(f"http://busy.example/{number}", priority=number % 3) for number in range(510)))
    await jobs.submit("http://other.example/", "other", priority=-1)
    assert (claim := await jobs.claim("w", 30, ["third.example:80", "busy.example:80"])) is not None
    assert claim.record.download_id == "other"
    assert await jobs.claim("w", 30, ["busy.example:80"]) is None
    await jobs.submit("http://other.example/", "late", priority=-1)
    assert (claim := await jobs.claim("w", 30, ["busy.example:80"])) is not None
    assert claim.record.download_id == "late"


@pytest.mark.long
async def test_downloads_of_other_servers_start_behind_thousands_of_a_busy_one(valkey: Valkey, channel: str) -> None:
    broker = Broker.connect(valkey.url)
    jobs = Jobs.connect(valkey.url, broker, channel)
    await asyncio.gather(*(jobs.submit(f"http://busy.example/{number}") for number in range(2600)))
    await jobs.submit("http://other.example/", "other")
    claims = [await jobs.claim("w", 30, ["busy.example:80"]) for _ in range(2)]  # each looks at 2,000 further ones
    assert [claim.record.download_id for claim in claims if claim] == ["other"]
    await jobs.aclose()
    await broker.aclose()


async def test_of_a_busy_server_nothing_is_claimed_and_of_others_it_is(jobs: Jobs) -> None:
    for number in range(3):
        await jobs.submit(f"http://busy.example/{number}", f"busy-{number}", priority=1)
    await jobs.submit("http://busy.example:8080/", "other-port")
    busy = ["busy.example:80"]
    claim = await jobs.claim("w", 30, busy)
    assert claim is not None and claim.record.download_id == "other-port"
    assert await jobs.claim("w", 30, busy) is None
    assert (await claim_job(jobs)).record.download_id.startswith("busy")


async def test_a_limit_reaches_the_owner_and_is_shown_and_none_takes_it_back(jobs: Jobs) -> None:
    options = DownloadOptions(limit_bytes_per_s=1000)
    download_id = (await jobs.submit(URL, options=options)).download_id
    claim = await claim_job(jobs)
    assert claim.record.limit_bytes_per_s == 1000
    assert await jobs.command(Command("limit", download_id, bytes_per_s=2000)) is None
    assert await jobs.renew([claim], 30) == [DesiredState("running", 2000)]
    assert (await jobs.get(download_id)).limit_bytes_per_s == 2000
    assert await jobs.command(Command("limit", download_id)) is None
    assert await jobs.renew([claim], 30) == [DesiredState("running")]
    await jobs.finish(claim, "complete", {"file_path": "/a"}, {"file_path": "/a"})
    assert await jobs.command(Command("limit", download_id)) == "invalid_transition"


async def test_a_limit_that_another_server_accepted_is_kept_though_the_end_was_sent_here_first(jobs: Jobs) -> None:
    await jobs.submit(URL, "a")
    claim = await claim_job(jobs)
    accepted_at = str(int(time.time() * 1000))
    await jobs.finish(claim, "complete", {"file_path": "/a"}, {"file_path": "/a"})
    again = [*jobs._publish_args, "a", "limit", "", "nonce", "2000", accepted_at]
    assert await jobs._send("command", again, "command", lambda _: None) == [b"accepted", accepted_at.encode()]
    assert (await jobs.get("a")).limit_bytes_per_s == 2000


async def test_what_is_secret_is_the_workers_alone(jobs: Jobs, broker: Broker, channel: str) -> None:
    secrets = {"headers": {"Cookie": "s3cr3t"}, "bearer": "s3cr3t", "proxy": "http://u:s3cr3t@proxy.example:1"}
    options = DownloadOptions.model_validate(secrets)
    record = await jobs.submit(URL, options=options)
    claim = await claim_job(jobs)
    assert DownloadOptions.from_json(claim.fields["options"]) == options
    told_to_all = json.dumps(await history(broker, channel)) + record.model_dump_json() + claim.record.model_dump_json()
    assert "s3cr3t" not in told_to_all + repr(claim) + repr(options) + str(options) + repr(record)


async def test_the_name_that_was_given_is_the_downloads_name(jobs: Jobs, broker: Broker, channel: str) -> None:
    record = await jobs.submit(URL, options=DownloadOptions(name="mine.iso"))
    assert record.name == (await history(broker, channel))[0]["name"] == "mine.iso"
