"""Many come back at once."""

import asyncio
import json
import time

import pytest
import redis.asyncio

from simulcast.broker import Broker
from simulcast.model.position import Position
from tests.programs import StartFrontEnd
from tests.raw_client import HANDSHAKE
from tests.service import FrontEnd
from tests.valkey import Valkey

CROWD = 1000
pytestmark = pytest.mark.long


async def come_back(running: FrontEnd, since: Position | None, last: bytes, at_once: asyncio.Semaphore) -> list[int]:
    """The numbers of the events that one client gets, up to the last."""
    async with at_once:
        reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
        request = HANDSHAKE.format(port=running.port, more="").replace("GET /ws ", f"GET /ws?since={since} ")
        writer.write(request.encode())
        received = b""
        while last not in received:
            chunk = await reader.read(65536)
            assert chunk, "cut"
            received += chunk
    writer.close()
    texts = [part.partition(b"}")[0] for part in received.split(b'{"event_id"')[1:]]
    return [json.loads(b'{"event_id"' + text + b"}")["n"] for text in texts]


async def calls(client: redis.asyncio.Redis) -> dict[str, int]:
    stats = await client.info("commandstats")
    return {name.removeprefix("cmdstat_"): int(each["calls"]) for name, each in stats.items()}


async def test_a_thousand_with_different_positions_are_served_from_memory_and_exactly(
    front_end: StartFrontEnd, own_valkey: Valkey
) -> None:
    running = await front_end()
    broker = Broker.connect(own_valkey.url)
    positions = [await broker.publish({"n": n}) for n in range(200)]
    await broker.aclose()
    async with redis.asyncio.from_url(own_valkey.url, protocol=2) as client:
        before, began = await calls(client), time.monotonic()
        at_once = asyncio.Semaphore(200)
        async with asyncio.timeout(60):
            seen = await asyncio.gather(
                *(come_back(running, positions[k % 199], b'"n":199', at_once) for k in range(CROWD))
            )
        after, polls = await calls(client), time.monotonic() - began + 2
    for k, numbers in enumerate(seen):
        assert numbers == list(range(k % 199 + 1, 200))
    asked = {name: count - before.get(name, 0) for name, count in after.items() if count > before.get(name, 0)}
    # The head, once a second, and the heartbeat, every other one, and what their functions ask.
    assert asked.pop("fcall", 0) <= 1.5 * polls
    beating = {"hset", "hincrby", "hdel", "pexpire", "zadd", "zcard", "zrangebyscore", "zrem"}
    assert set(asked) <= {"info", "hget", "hmget", "exists", "time"} | beating, asked


async def test_after_another_epoch_all_of_them_get_the_snapshot_and_are_told(
    front_end: StartFrontEnd, own_valkey: Valkey
) -> None:
    running = await front_end()
    broker = Broker.connect(own_valkey.url)
    old = await broker.publish({"n": 1})
    async with redis.asyncio.from_url(own_valkey.url, protocol=2) as client:
        await client.flushall()
    await broker.publish({"type": "download_progress", "download_id": "x", "progress": 0.5, "speed": 1, "n": 2})
    await running.ready()
    at_once = asyncio.Semaphore(100)
    async with asyncio.timeout(60):
        seen = await asyncio.gather(*(come_back(running, old, b'"n":2', at_once) for _ in range(200)))
    assert seen == [[2]] * 200
    await broker.aclose()
