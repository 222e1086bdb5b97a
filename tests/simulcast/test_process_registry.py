"""Which processes live and how many jobs there are, on fakeredis and on a real server."""

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Sequence

import pytest
import redis.asyncio

from simulcast import process_registry as module
from simulcast.heartbeat import Rate, send_heartbeats
from simulcast.jobs import Jobs
from simulcast.model.channel import ChannelNames
from simulcast.model.job_record import STATES
from simulcast.model.own_job import about
from simulcast.model.processes import QueueStats, WorkerRecord
from simulcast.own_jobs import OwnJobs
from simulcast.process_registry import ProcessRegistry
from simulcast.store import functions
from simulcast.store.functions import Argument, Function
from tests.clocks import Clock
from tests.conditions import eventually
from tests.conftest import Servers
from tests.ports import free_port
from tests.process_records import FRONT_END


def worker(name: str) -> WorkerRecord:
    return WorkerRecord(name=name, version="1", started_at=0.0, running=1, max_downloads=4, bytes_per_s=0.5)


@pytest.fixture
async def census(servers: Servers, channel: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[ProcessRegistry]:
    monkeypatch.setattr(module, "DEFAULT_CHANNEL", channel)
    found = ProcessRegistry(servers.topology())
    yield found
    await found.aclose()


async def test_who_speaks_is_listed_by_kind_and_name_and_who_leaves_is_not(census: ProcessRegistry) -> None:
    front_end = FRONT_END.model_copy(update={"name": "h:1", "lag_s": None})
    for record in (worker("h:3"), front_end, worker("h:2")):
        await census.heartbeat(record, {})
    found = await census.processes()
    assert (found.front_ends, [each.name for each in found.workers]) == ([front_end], ["h:2", "h:3"])
    await census.leave("h:2")
    assert [each.name for each in (await census.processes()).workers] == ["h:3"]


async def test_who_is_silent_for_long_is_not_listed_though_nobody_has_removed_it_yet(
    census: ProcessRegistry, client: redis.asyncio.Redis, channel: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PROCESS_TTL_S", 1.5)
    await census.heartbeat(worker("h:1"), {})
    monkeypatch.setattr(module, "PROCESS_TTL_S", 60.0)
    await census.heartbeat(worker("h:2"), {})

    async def gone() -> bool:
        return [each.name for each in (await census.processes()).workers] == ["h:2"]

    await eventually(gone, "the end of what is silent")
    assert await client.hlen(ChannelNames(channel).process_keys[0]) == 2


async def test_who_was_silent_makes_room_when_another_one_speaks(
    census: ProcessRegistry, client: redis.asyncio.Redis, channel: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PROCESS_TTL_S", 0.05)
    await census.heartbeat(worker("h:1"), {})
    monkeypatch.setattr(module, "PROCESS_TTL_S", 60.0)
    keys = ChannelNames(channel).process_keys

    async def alone() -> bool:
        await census.heartbeat(worker("h:2"), {})
        return await client.hkeys(keys[0]) == await client.zrange(keys[1], 0, -1) == [b"h:2"]

    await eventually(alone, "room")
    assert 0 < await client.pttl(keys[0]) <= 600_000


async def test_what_processes_counted_is_added_up_and_outlives_them(census: ProcessRegistry) -> None:
    for name, counted in itertools.product(("h:1", "h:2"), (10, 5)):
        await census.heartbeat(worker(name), {"received_bytes": counted})
        await census.leave(name)
    assert (await census.processes()).totals == {"received_bytes": 30}


async def test_a_record_of_another_version_is_left_out_and_hides_no_other(
    census: ProcessRegistry, client: redis.asyncio.Redis, channel: str
) -> None:
    await census.heartbeat(worker("h:1"), {})
    await census.heartbeat(worker("h:2"), {})
    await client.hset(ChannelNames(channel).process_keys[0], "h:1", '{"kind":"what is this"}')
    assert [each.name for each in (await census.processes()).workers] == ["h:2"]


async def test_the_survey_counts_jobs_by_state(census: ProcessRegistry, jobs: Jobs, any_jobs: OwnJobs) -> None:
    assert await census.queue_stats() == QueueStats(dict.fromkeys(STATES, 0), None)
    for n in range(5):
        await jobs.submit("https://example.com/x", str(n))
    claim = await jobs.claim("h:1", 60)
    assert claim is not None
    await jobs.finish(claim, "complete", {})
    assert await jobs.claim("h:1", 60) is not None
    found = await census.queue_stats()
    assert {state: count for state, count in found.jobs.items() if count} == {"queued": 3, "running": 1, "complete": 1}
    assert found.longest_wait_s is not None and 0 <= found.longest_wait_s < 60
    for number in range(3):
        await any_jobs.queue(f"job-{number}", about(f"job-{number}", "", ""))
    assert (await census.queue_stats()).other_jobs == {"queued": 3}


@pytest.mark.parametrize("field", ["retry_at", "start_at"])
async def test_one_that_waits_for_its_next_try_or_its_start_is_queued_and_delays_nobody(
    field: str, census: ProcessRegistry, jobs: Jobs, client: redis.asyncio.Redis, channel: str
) -> None:
    await jobs.submit("https://example.com/x", "a")
    record = ChannelNames(channel).job_prefix + "a"
    await client.hset(record, field, round((time.time() + 600) * 1000))
    found = await census.queue_stats()
    assert (found.jobs["queued"], found.longest_wait_s) == (1, None)
    await client.hset(record, mapping={"updated_at": 1000, field: round((time.time() - 100) * 1000)})
    waited_s = (await census.queue_stats()).longest_wait_s
    assert waited_s is not None and 99 < waited_s < 600


def test_a_rate_is_what_was_added_since_it_was_asked_before() -> None:
    clock = Clock()
    rate = Rate(clock)
    clock.now = 2.0
    assert rate.per_second(10) == 5.0
    clock.now = 3.0
    assert rate.per_second(10) == 0.0


async def test_a_process_says_what_it_counted_once_and_that_it_ends(
    census: ProcessRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("simulcast.heartbeat.HEARTBEAT_INTERVAL_S", 0.01)
    beats = itertools.count(1)
    beating = asyncio.create_task(
        send_heartbeats(census, "h:1", lambda: worker("h:1"), lambda: {"received_bytes": 100 * min(next(beats), 3)})
    )

    async def told() -> bool:
        return next(beats) > 6 and (await census.processes()).totals == {"received_bytes": 300}

    await eventually(told, "what it counted")
    assert [each.name for each in (await census.processes()).workers] == ["h:1"]
    beating.cancel()
    await asyncio.wait([beating])
    assert (await census.processes()).workers == []


async def test_a_read_is_repeated_where_its_server_has_just_been_replaced(
    census: ProcessRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    call, failed = functions.call, set[str]()

    async def fail_first(
        client: redis.asyncio.Redis, function: Function, keys: Sequence[str], args: Sequence[Argument]
    ) -> object:
        if function not in failed:
            failed.add(function)
            raise redis.ConnectionError("gone")
        return await call(client, function, keys, args)

    monkeypatch.setattr(functions, "call", fail_first)
    assert (await census.status()).workers == []
    assert failed == {"processes", "queue_stats"}


async def test_without_redis_a_process_goes_on_and_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("simulcast.heartbeat.HEARTBEAT_INTERVAL_S", 0.01)
    beats = itertools.count()
    nowhere = ProcessRegistry.connect(f"redis://127.0.0.1:{free_port()}/0")
    beating = asyncio.create_task(send_heartbeats(nowhere, "h:1", lambda: worker("h:1"), lambda: {"n": next(beats)}))

    async def tried() -> bool:
        return next(beats) > 5

    await eventually(tried, "some beats")
    beating.cancel()
    await asyncio.wait([beating])
    assert beating.cancelled()
    await nowhere.aclose()
