"""A Redis that has reached maxmemory refuses what would fill it further, and serves everything else."""

import asyncio
import json
import secrets
from collections.abc import Awaitable, Callable
from contextlib import suppress

import pytest

from simulcast.broker import Broker
from simulcast.errors import BrokerUnavailable
from simulcast.jobs import Jobs
from simulcast.model.commands import Command
from simulcast.model.download_options import DownloadOptions
from simulcast.model.position import Position
from simulcast.model.processes import WorkerRecord
from simulcast.process_registry import ProcessRegistry
from tests.conditions import eventually
from tests.jobs import claim_job
from tests.programs import StartFrontEnd
from tests.valkey import Valkey

pytestmark = pytest.mark.long

ROOM_BYTES = 6 * 1024 * 1024
MISSING_BYTES = 512 * 1024
ENDED = 40  # downloads, whose records have 60 KB
WORKER = WorkerRecord(name="h:1", version="1", started_at=0, running=0, max_downloads=1, bytes_per_s=0)
Fill = Callable[[Broker, Jobs], Awaitable[None]]


def limit_memory(valkey: Valkey, room_bytes: int) -> None:
    with valkey.admin() as admin:
        admin.config_set("maxmemory", admin.info("memory")["used_memory"] + room_bytes)


async def submit(jobs: Jobs) -> str:
    """Queue a download with a large record."""
    options = DownloadOptions.model_validate({"headers": {f"x-{n}": "v" * 4000 for n in range(15)}})
    return (await jobs.submit("http://example.com/a", options=options)).download_id


async def repeat(act: Callable[[], Awaitable[object]]) -> None:
    while True:
        await act()


async def fill_by_one_publisher(broker: Broker, _: Jobs) -> None:
    """Publish more than all of the memory: the bound of the channel's history keeps Redis from being full."""
    for n in range(400):
        await broker.publish({"type": "x", "n": n, "text": "y" * 50_000}, "other")


async def fill_by_the_queue(_: Broker, jobs: Jobs) -> None:
    """Submit until the queue has its bound, which is less than the memory."""
    with pytest.raises(BrokerUnavailable, match="clear or delete some"):
        await repeat(lambda: submit(jobs))


async def fill_by_many_channels(broker: Broker, _: Jobs) -> None:
    """Publish until Redis is full."""
    with pytest.raises(BrokerUnavailable, match="Redis is full"):
        await repeat(lambda: broker.publish({"type": "x", "text": "y" * 50_000}, secrets.token_hex(8)))


@pytest.mark.timeout(120)
@pytest.mark.parametrize("fill", [fill_by_one_publisher, fill_by_the_queue, fill_by_many_channels])
async def test_a_full_redis_goes_on_serving_and_takes_publications_again_once_downloads_are_cleared(
    own_valkey: Valkey, own_broker: Broker, own_jobs: Jobs, front_end: StartFrontEnd, fill: Fill
) -> None:
    server = await front_end()
    registry = ProcessRegistry.connect(own_valkey.url)
    ended = [await submit(own_jobs) for _ in range(ENDED)]
    for _ in ended:
        await own_jobs.finish(await claim_job(own_jobs), "complete", {})
    running = [(await own_jobs.submit("http://example.com/b")).download_id for _ in range(2)]
    leases = [await claim_job(own_jobs) for _ in running]
    running = [lease.record.download_id for lease in leases]
    waiting = await submit(own_jobs)
    limit_memory(own_valkey, ROOM_BYTES)
    await own_broker.head()  # as a front-end does once a second
    async with await server.connect() as client:
        await fill(own_broker, own_jobs)
        limit_memory(own_valkey, -MISSING_BYTES)  # full whatever buffers of connections come and go
        with pytest.raises(BrokerUnavailable, match=r"Redis is full .*maxmemory.* delete and clear"):
            await own_broker.publish({"type": "x"}, "other")
        status, answer = await server.post("/downloads", {"url": "http://example.com/c"})
        assert status == 503 and "Redis is full" in str(answer["detail"])

        assert [state.desired for state in await own_jobs.renew(leases, 30)] == ["running", "running"]
        await own_jobs.progress(leases[0], b'{"type":"download_progress","download_id":"p","progress":0.5}', {})
        await own_jobs.finish(leases[0], "complete", {})
        assert (await own_jobs.get(running[0])).state == "complete"
        await own_jobs.save(leases[1], {"finishing": "x"})
        assert await own_jobs.command(Command("pause", running[1])) is None
        assert [state.desired for state in await own_jobs.renew(leases[1:], 30)] == ["paused"]
        await own_jobs.finish(leases[1], "paused", {})
        await registry.heartbeat(WORKER, {})
        full = await registry.processes()
        assert full.redis_bytes > full.redis_max_bytes > 0
        async with asyncio.timeout(30):
            while json.loads(await client.recv()).get("type") != "download_paused":
                continue
        assert (await server.get("/ready"))[0] == 200
        async with await server.connect("?channel=quiet"):
            pass  # it joins another channel

        assert (await server.delete(f"/downloads/{waiting}"))[0] == 200
        assert (await server.post("/downloads/clear", {}))[0] == 200
    await eventually(lambda: takes_publications(own_broker), "publications are taken")
    await submit(own_jobs)
    await registry.aclose()


async def test_a_full_redis_that_lost_its_functions_gets_them_back_at_the_cost_of_old_events(
    own_valkey: Valkey, own_broker: Broker, own_jobs: Jobs, front_end: StartFrontEnd
) -> None:
    waiting = await submit(own_jobs)
    for n in range(400):
        await own_broker.publish({"type": "x", "n": n, "text": "y" * 20_000})
    server = await front_end()
    limit_memory(own_valkey, -MISSING_BYTES)
    with own_valkey.admin() as admin:
        admin.execute_command("FUNCTION FLUSH")
    await eventually(lambda: is_loaded(own_valkey), "the functions")
    assert (await server.get("/ready"))[0] == 200
    assert (await server.delete(f"/downloads/{waiting}"))[0] == 200
    newest = (await own_broker.head()).position
    before = Position(newest.epoch, newest.offset - 1)
    assert [event.position for event in await own_broker.history(before, newest)] == [newest]


async def is_loaded(server: Valkey) -> bool:
    with server.admin() as admin:
        return bool(admin.execute_command("FUNCTION LIST"))


async def takes_publications(broker: Broker) -> bool:
    with suppress(BrokerUnavailable):
        return await broker.publish({"type": "x"}, "other") is not None
    return False
