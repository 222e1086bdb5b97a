"""Redis fails in several ways; nobody misses anything, and readiness tells the truth."""

import asyncio
import json
import signal
from pathlib import Path

import redis.asyncio

from simulcast.broker import Broker
from simulcast.errors import BrokerUnavailable
from simulcast.model.events import complete_event, progress_event
from simulcast.store import functions
from tests.conditions import eventually
from tests.programs import StartFrontEnd
from tests.service import FrontEnd, collect
from tests.valkey import Valkey


async def not_ready(running: FrontEnd) -> str:
    found: list[str] = []

    async def red() -> bool:
        status, body = await running.get("/ready")
        found[:] = [str(body.get("detail"))]
        return status == 503

    await eventually(red, "a front-end that says it isn't ready")
    return found[0]


async def test_what_was_published_while_the_subscription_was_cut_is_filled_from_the_history(
    front_end: StartFrontEnd, own_valkey: Valkey
) -> None:
    running = await front_end()
    connection = await running.connect()
    broker = Broker.connect(own_valkey.url)
    async with redis.asyncio.from_url(own_valkey.url, protocol=2) as client:
        for n in range(100):
            if n % 20 == 10:
                await client.execute_command("CLIENT KILL TYPE pubsub")
            await broker.publish({"n": n})
    seen = await collect(connection, '"n":99')
    assert [json.loads(text)["n"] for text in seen] == list(range(100))
    await connection.close()
    await broker.aclose()


async def test_after_a_restart_of_redis_events_arrive_again_in_a_new_epoch(
    front_end: StartFrontEnd, own_valkey: Valkey
) -> None:
    running = await front_end()
    connection = await running.connect()
    broker = Broker.connect(own_valkey.url)
    first = await broker.publish(progress_event("a", 0.5, 1))
    await collect(connection, '"a"')
    own_valkey.kill()
    assert "Redis" in await not_ready(running)
    own_valkey.start()
    await running.ready()
    await broker.aclose()
    broker = Broker.connect(own_valkey.url)
    second = await broker.publish(complete_event("a", "/a"))
    assert first is not None and second is not None
    assert second.epoch > first.epoch
    seen = await collect(connection, "download_complete")
    assert len(seen) == 1
    late = await running.connect(f"?since={first}")
    assert [json.loads(text)["type"] for text in await collect(late, "complete")] == ["download_complete"]
    await connection.close()
    await late.close()
    await broker.aclose()


async def test_readiness_is_lost_while_redis_hangs_and_comes_back_by_itself(
    front_end: StartFrontEnd, own_valkey: Valkey
) -> None:
    running = await front_end()
    own_valkey.signal(signal.SIGSTOP)
    assert await not_ready(running)
    assert (await running.get("/health"))[0] == 200
    own_valkey.signal(signal.SIGCONT)
    await running.ready()


async def test_a_front_end_whose_subscription_is_deaf_says_so_and_mends_it(
    front_end: StartFrontEnd, own_valkey: Valkey
) -> None:
    running = await front_end()
    connection = await running.connect()
    broker = Broker.connect(own_valkey.url)
    async with redis.asyncio.from_url(own_valkey.url, protocol=2) as client:
        # Publications are stored, and none arrives by Pub/Sub: as when the subscription's packets are dropped.
        await client.execute_command("ACL SETUSER default resetchannels &nothing")
        stored = {"n": 0}

        async def store() -> bool:
            try:
                await broker.publish(stored)
            except BrokerUnavailable:
                stored["n"] += 1
            return (await running.get("/ready"))[0] == 503

        await eventually(store, "a front-end that says it isn't ready")
        await client.execute_command("ACL SETUSER default allchannels")
    await running.ready()
    await broker.publish({"type": "the end"})
    await collect(connection, "the end")
    await connection.close()
    await broker.aclose()


async def test_a_listener_whose_polls_fail_unexpectedly_is_not_ready_until_they_succeed(
    own_valkey: Valkey, tmp_path: Path
) -> None:
    running = FrontEnd(own_valkey.url, tmp_path / "front-end.log")  # no fixture's: its log has a traceback
    senseless = functions.code().replace("FULL_REDIS, poll)", "FULL_REDIS, function() return {} end)")
    assert senseless != functions.code()
    try:
        await running.ready()
        async with redis.asyncio.from_url(own_valkey.url, protocol=2) as client:
            await client.execute_command("FUNCTION LOAD REPLACE", senseless)
            assert "unexpected error: ValueError" in await not_ready(running)
            await client.execute_command("FUNCTION LOAD REPLACE", functions.code())
        await running.ready()
        assert "Traceback" in running.output()
    finally:
        running.stop()


async def test_clients_that_come_while_redis_is_away_are_told_or_served(
    front_end: StartFrontEnd, own_valkey: Valkey
) -> None:
    running = await front_end()
    broker = Broker.connect(own_valkey.url)
    position = await broker.publish(progress_event("a", 0.5, 1))
    await broker.aclose()
    early = await running.connect()
    await collect(early, '"a"')
    own_valkey.kill()
    async with asyncio.timeout(20):
        late = await running.connect()
        assert "download_progress" in str(await late.recv())
        again = await running.connect(f"?since={position}")
        await again.send('{"action":"pause_download","download_id":"a"}')
        assert "unavailable" in str(await again.recv())
    for connection in (early, late, again):
        await connection.close()
