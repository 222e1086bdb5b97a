"""Many come back at once."""

import asyncio
import json
import time
from collections import Counter
from contextlib import suppress

import pytest
import redis.asyncio
from redis.asyncio.client import Monitor

from simulcast.broker import Broker
from simulcast.cancellation import cancel_and_wait
from simulcast.model.position import Position
from tests.conditions import eventually, until
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
        try:
            while last not in received:
                chunk = await reader.read(65536)
                assert chunk, "cut"
                received += chunk
        finally:
            writer.close()
    texts = [part.partition(b"}")[0] for part in received.split(b'{"event_id"')[1:]]
    return [json.loads(b'{"event_id"' + text + b"}")["n"] for text in texts]


def sent_name(command: str) -> str:
    """The name of a command that MONITOR shows, or of the function that it calls."""
    words = command.lower().split()
    return words[1].removeprefix("simulcast_").rpartition("_")[0] if words[0] == "fcall" else words[0]


async def count_sent(monitor: Monitor, sent: Counter[str]) -> None:
    """Count the commands that clients send to Redis, those aside that functions call inside it."""
    async for command in monitor.listen():
        if command["client_type"] != "lua":
            sent[sent_name(command["command"])] += 1


async def test_a_thousand_with_different_positions_are_served_from_memory_and_exactly(
    front_end: StartFrontEnd, own_valkey: Valkey
) -> None:
    running = await front_end()
    broker = Broker.connect(own_valkey.url)
    positions = [await broker.publish({"n": n}) for n in range(200)]
    await broker.aclose()
    sent: Counter[str] = Counter()
    async with redis.asyncio.from_url(own_valkey.url, protocol=2) as client, client.monitor() as monitor:
        counting = asyncio.create_task(count_sent(monitor, sent))
        await client.echo("begin")
        await until(lambda: sent["echo"] and sent["head"] and sent["heartbeat"], "connections that all are open")
        sent.clear()
        began = time.monotonic()
        at_once = asyncio.Semaphore(200)
        async with asyncio.timeout(60):
            seen = await asyncio.gather(
                *(come_back(running, positions[k % 199], b'"n":199', at_once) for k in range(CROWD))
            )
        await client.echo("end")
        await until(lambda: sent["echo"] == 1, "the last command")
        polls = time.monotonic() - began + 2
        await cancel_and_wait([counting])
    for k, numbers in enumerate(seen):
        assert numbers == list(range(k % 199 + 1, 200))
    del sent["echo"]
    # No return sends a command, least of all one that reads history or snapshot. Only time does: the head is read every
    # second, and a heartbeat is sent every other one.
    assert set(sent) <= {"head", "heartbeat"}, sent
    assert sent.total() <= 1.5 * polls, sent


async def test_after_another_epoch_all_of_them_get_the_snapshot_and_are_told(
    front_end: StartFrontEnd, own_valkey: Valkey
) -> None:
    running = await front_end()
    broker = Broker.connect(own_valkey.url)
    old = await broker.publish({"n": 1})
    async with redis.asyncio.from_url(own_valkey.url, protocol=2) as client:
        await client.flushall()
    await broker.publish({"type": "download_progress", "download_id": "x", "progress": 0.5, "speed": 1, "n": 2})
    at_once = asyncio.Semaphore(100)

    async def has_cut_its_clients() -> bool:
        with suppress(AssertionError):
            return await come_back(running, old, b'"n":2', at_once) == [2]
        return False

    await eventually(has_cut_its_clients, "the other epoch")
    async with asyncio.timeout(60):
        seen = await asyncio.gather(*(come_back(running, old, b'"n":2', at_once) for _ in range(200)))
    assert seen == [[2]] * 200
    await broker.aclose()
