"""A claim that a failover lost is written back, also where a command came before it."""

import pytest
import redis.asyncio

from simulcast.broker import HISTORY_LENGTH, Broker
from simulcast.jobs import Jobs, Lease
from simulcast.model.channel import ChannelNames
from simulcast.model.commands import Command
from simulcast.store import functions
from simulcast.store.functions import Argument
from tests.jobs import URL, claim_job, history


async def claim_and_lose(jobs: Jobs, client: redis.asyncio.Redis, channel: str) -> Lease:
    """Claim a download, and take the server back to the time before."""
    await jobs.submit(URL, "a")
    names = ChannelNames(channel)
    key, ready, leases = names.job_prefix + "a", names.job_keys[1], names.job_keys[2]
    before = [part for field in (await client.hgetall(key)).items() for part in field]
    claim = await claim_job(jobs)
    await client.delete(key, leases)
    await client.hset(key, items=before)
    await client.zadd(ready, {"a": 0})
    return claim


async def restore(client: redis.asyncio.Redis, channel: str, claim: Lease) -> object:
    """Send the claim again, as the worker's sender does."""
    names = ChannelNames(channel)
    fields = [part for field in claim.fields.items() for part in field]
    args: list[Argument] = [names.pubsub, HISTORY_LENGTH, "a", claim.token, 30_000, "started", *fields]
    return await functions.call(client, "restore", [*names.stream_keys, *names.job_keys], args)


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
