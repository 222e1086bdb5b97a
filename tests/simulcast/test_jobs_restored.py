"""A claim that a failover lost is written back, also where a command came before it."""

import pytest
import redis.asyncio

from simulcast.broker import HISTORY_LENGTH, Broker
from simulcast.jobs import DesiredState, Jobs, Lease
from simulcast.model.channel import ChannelNames
from simulcast.model.commands import Command
from simulcast.store import functions
from simulcast.store.functions import Argument, Function
from tests.jobs import URL, claim_job, history


async def read_record(client: redis.asyncio.Redis, channel: str) -> list[str | bytes]:
    return [part for field in (await client.hgetall(ChannelNames(channel).job_prefix + "a")).items() for part in field]


async def take_back(client: redis.asyncio.Redis, channel: str, record: list[str | bytes]) -> None:
    """Give the server the record of an earlier time."""
    key = ChannelNames(channel).job_prefix + "a"
    await client.delete(key)
    await client.hset(key, items=record)


async def claim_and_lose(jobs: Jobs, client: redis.asyncio.Redis, channel: str) -> Lease:
    """Claim a download, and take the server back to the time before."""
    await jobs.submit(URL, "a")
    before = await read_record(client, channel)
    claim = await claim_job(jobs)
    await take_back(client, channel, before)
    _, ready, leases, _ = ChannelNames(channel).job_keys
    await client.delete(leases)
    await client.zadd(ready, {"a": 0})
    return claim


async def send_again(client: redis.asyncio.Redis, channel: str, function: Function, *args: Argument) -> object:
    """Call a function as a sender does after a failover."""
    names = ChannelNames(channel)
    keys = [*names.stream_keys, *names.job_keys]
    return await functions.call(client, function, keys, [names.pubsub, HISTORY_LENGTH, "a", *args])


async def restore(client: redis.asyncio.Redis, channel: str, claim: Lease) -> object:
    fields = [part for field in claim.fields.items() for part in field]
    return await send_again(client, channel, "restore", claim.token, 30_000, "started", *fields)


async def events(broker: Broker, channel: str) -> list[str]:
    """Return the types of all events but those before the claim was lost."""
    return [str(event["type"]).removeprefix("download_") for event in await history(broker, channel)][2:]


@pytest.mark.parametrize(("action", "state"), [("pause", "paused"), ("cancel", "cancelled")])
async def test_clients_that_were_shown_a_command_are_not_led_back_by_the_claim_before_it(
    jobs: Jobs, broker: Broker, client: redis.asyncio.Redis, channel: str, action: str, state: str
) -> None:
    claim = await claim_and_lose(jobs, client, channel)
    assert await jobs.command(Command(action, "a", "c1")) is None  # type: ignore[arg-type]
    assert await restore(client, channel, claim) == 1
    await jobs.progress(claim, b'{"type":"download_progress"}', {"received": "1"})
    for _ in range(2):
        await jobs.finish(claim, state, {}, None)  # type: ignore[arg-type]
    assert (await jobs.get("a")).state == state
    assert await events(broker, channel) == [state]


async def test_an_end_that_overtook_a_command_says_so_after_a_failover_too(
    jobs: Jobs, broker: Broker, client: redis.asyncio.Redis, channel: str
) -> None:
    claim = await claim_and_lose(jobs, client, channel)
    assert await jobs.command(Command("cancel", "a", "c1")) is None
    assert await restore(client, channel, claim) == 1
    await jobs.finish(claim, "complete", {}, {"file_path": "/a"})
    last = (await history(broker, channel))[-1]
    assert (last["type"], last["overtaken"], last["command_id"]) == ("download_complete", "cancel", "c1")


async def test_a_download_that_is_resumed_after_its_claim_was_written_back_is_shown_as_running(
    jobs: Jobs, broker: Broker, client: redis.asyncio.Redis, channel: str
) -> None:
    claim = await claim_and_lose(jobs, client, channel)
    assert await jobs.command(Command("pause", "a")) is None
    await restore(client, channel, claim)
    assert await jobs.command(Command("resume", "a")) is None
    await jobs.finish(claim, "complete", {}, {"file_path": "/a"})
    assert await events(broker, channel) == ["paused", "resumed", "complete"]


async def test_a_claim_of_an_earlier_attempt_is_not_written_back(
    jobs: Jobs, broker: Broker, client: redis.asyncio.Redis, channel: str
) -> None:
    claim = await claim_and_lose(jobs, client, channel)
    assert await jobs.command(Command("cancel", "a")) is None
    assert await jobs.command(Command("retry", "a")) is None
    assert await restore(client, channel, claim) is None
    assert (await jobs.get("a")).attempt == 2


@pytest.mark.parametrize(("action", "state"), [("pause", "paused"), ("cancel", "cancelled")])
async def test_a_report_may_be_sent_again_before_the_command_that_asked_for_it(
    jobs: Jobs, broker: Broker, client: redis.asyncio.Redis, channel: str, action: str, state: str
) -> None:
    await jobs.submit(URL, "a")
    claim = await claim_job(jobs)
    before = await read_record(client, channel)
    assert await jobs.command(Command(action, "a", "c1")) is None  # type: ignore[arg-type]
    await jobs.finish(claim, state, {}, None)  # type: ignore[arg-type]
    change = (await history(broker, channel))[-1]["change"]
    await take_back(client, channel, before)
    assert await send_again(client, channel, "report_event", claim.token, state, "", f"{change} {state}")
    reply = await send_again(client, channel, "command", action, '"c1"', "", "", change)  # type: ignore[arg-type]
    assert isinstance(reply, list) and reply[0] == b"accepted"
    assert (await jobs.get("a")).state == state
    first, again = (await history(broker, channel))[-2:]
    assert (again["type"], again["change"]) == (first["type"], first["change"])
    assert await jobs.command(Command(action, "a", "c1")) is None  # type: ignore[arg-type]


async def test_a_retry_that_is_sent_again_before_the_cancel_that_it_follows_waits_for_it(
    jobs: Jobs, client: redis.asyncio.Redis, channel: str
) -> None:
    await jobs.submit(URL, "a")
    now = int((await client.time())[0]) * 1000 + 1000
    retry = ("command", "retry", '"r1"', "", "", str(now + 2))
    assert await send_again(client, channel, *retry) == [b"later"]  # type: ignore[arg-type]
    await send_again(client, channel, "command", "cancel", '"c1"', "", "", str(now + 1))
    assert (await jobs.get("a")).state == "cancelled"
    reply = await send_again(client, channel, *retry)  # type: ignore[arg-type]
    assert isinstance(reply, list) and reply[0] == b"accepted"
    assert (await jobs.get("a")).attempt == 2


async def test_an_end_that_did_not_know_of_the_command_before_it_is_published_again_and_says_so(
    jobs: Jobs, broker: Broker, client: redis.asyncio.Redis, channel: str
) -> None:
    await jobs.submit(URL, "a")
    claim = await claim_job(jobs)
    accepted_at = str(int((await history(broker, channel))[-1]["change"]) + 0)  # type: ignore[call-overload]
    await jobs.finish(claim, "complete", {"file_path": "/a"}, {"file_path": "/a"})
    for _ in range(2):
        reply = await send_again(client, channel, "command", "cancel", '"c1"', "", "", accepted_at)
        assert isinstance(reply, list) and reply[0] == b"accepted"
    *_, complete, again = await history(broker, channel)
    assert (again["overtaken"], again["command_id"], again["file_path"]) == ("cancel", "c1", "/a")
    assert again["change"] == complete["change"] + 1  # type: ignore[operator]
    assert (await jobs.get("a")).state == "complete"


async def test_an_end_that_came_before_a_command_says_nothing_of_it(
    jobs: Jobs, broker: Broker, client: redis.asyncio.Redis, channel: str
) -> None:
    await jobs.submit(URL, "a")
    await jobs.finish(await claim_job(jobs), "complete", {"file_path": "/a"}, {"file_path": "/a"})
    change = (await history(broker, channel))[-1]["change"]
    reply = await send_again(client, channel, "command", "cancel", '"c1"', "", "", str(int(change) + 1))  # type: ignore[call-overload]
    assert reply == [b"later"]
    assert (await history(broker, channel))[-1]["change"] == change


async def test_a_fresh_link_outlives_the_claim_before_it_that_is_written_back(
    jobs: Jobs, client: redis.asyncio.Redis, channel: str
) -> None:
    claim = await claim_and_lose(jobs, client, channel)
    assert await jobs.command(Command("relink", "a", url="http://example.com/fresh")) is None
    await restore(client, channel, claim)
    assert (await jobs.get("a")).url == "http://example.com/fresh"
    assert await jobs.renew([claim], 30) == [DesiredState("queued")]
    await jobs.finish(claim, "queued", {})
    assert (await claim_job(jobs)).fields["url"] == "http://example.com/fresh"
