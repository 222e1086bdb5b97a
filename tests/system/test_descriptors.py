"""More clients than a process may have: those that are here stay served, and others are told why they can't be."""

import asyncio
from pathlib import Path

import pytest
import redis.asyncio
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import InvalidStatus
from websockets.http11 import Response

from simulcast.broker import Broker
from tests.conditions import eventually
from tests.service import LimitedFrontEnd, Program, collect
from tests.valkey import Valkey

pytestmark = pytest.mark.long

DESCRIPTORS = LimitedFrontEnd.descriptors


async def test_without_descriptors_for_more_clients_those_that_are_here_stay_served(
    own_valkey: Valkey, tmp_path: Path, programs: list[Program]
) -> None:
    running = LimitedFrontEnd(own_valkey.url, tmp_path / "limited.log")
    programs.append(running)
    await running.ready()
    broker = Broker.connect(own_valkey.url)
    served: list[ClientConnection] = []
    refusals: list[Response] = []
    for _ in range(2 * DESCRIPTORS):
        try:
            served.append(await running.connect())
        except InvalidStatus as refused:
            refusals.append(refused.response)
    assert DESCRIPTORS // 3 <= len(served) <= DESCRIPTORS // 2
    for refusal in refusals:
        assert refusal.status_code == 503 and refusal.headers["retry-after"]
        assert b"ulimit -n" in (refusal.body or b"")
    assert (await running.get("/ready"))[1]["clients"] == len(served)
    await broker.publish({"n": 1})
    for client in served:
        await collect(client, '"n":1')

    async with redis.asyncio.from_url(own_valkey.url, protocol=2) as plain:
        await plain.execute_command("CLIENT", "KILL", "TYPE", "pubsub")
    await broker.publish({"n": 2})
    for client in served:
        await collect(client, '"n":2')  # Redis was reached again

    served.pop().transport.abort()

    async def comes_in() -> bool:
        try:
            served.append(await running.connect())
        except InvalidStatus:
            return False
        return True

    await eventually(comes_in, "room for another one")
    for client in served:
        await client.close()
    await broker.aclose()


async def test_who_shakes_no_hands_takes_nobody_s_place_for_long(
    own_valkey: Valkey, tmp_path: Path, programs: list[Program]
) -> None:
    running = LimitedFrontEnd(own_valkey.url, tmp_path / "limited.log")
    programs.append(running)
    await running.ready()
    before = await running.connect()
    silent = [await asyncio.open_connection("127.0.0.1", running.port) for _ in range(500)]
    broker = Broker.connect(own_valkey.url)
    await broker.publish({"n": 1})
    await collect(before, '"n":1')

    async def ready() -> bool:
        return (await running.get("/ready"))[0] == 200

    await eventually(ready, "room for a probe")
    for _, writer in silent:
        writer.close()
    await before.close()
    await broker.aclose()
