"""Ordinary clients among clients that stop, drip, vanish or leave, each with a view and a way of joining of its own."""

import asyncio
import json
import random
import socket
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass

import pytest
import websockets

from simulcast.frontend import services
from simulcast.frontend.subscriptions import subscriber
from simulcast.frontend.transport import progress
from simulcast.model.position import Position
from tests.conditions import until
from tests.event_stream import stream
from tests.hostile.unread import (
    AFTER,
    BEFORE,
    COMPRESSED,
    MAX_HELD_BYTES,
    VERSIONED,
    held_bytes,
    join,
    publish_note,
    running,
)
from tests.raw_client import vanish
from tests.valkey import Valkey

ORDINARY, HOSTILE = 8, 12  # clients of one draw
OTHER = 1000  # the first number in the other channel
STALLED_S = 2.0  # in place of a minute
SUBSCRIBE = '{"action":"subscribe","channel":"%s"}'


@dataclass(frozen=True)
class Drawn:
    """One client. `first`: the number of its first event. `subscribes`: so it joins the other channel."""

    is_stream: bool
    query: str
    channels: int
    first: int
    is_versioned: bool
    is_compressed: bool
    subscribes: bool
    download_id: str

    def target(self) -> str:
        return f"/{'events' if self.is_stream else 'ws'}?{self.query}"

    def owed(self) -> set[int]:
        """Return the numbers of the events that it must get."""
        numbers = set(range(self.first, BEFORE + AFTER))
        if self.channels == 2:
            numbers |= set(range(OTHER, OTHER + AFTER))
        return {number for number in numbers if self.download_id in ("", f"k{number}")}


def draw(chance: random.Random, channel: str, positions: dict[str, Position], owed_much: bool) -> Drawn:
    """Draw a client; `owed_much`: its view has all events."""
    since, first = chance.choice(
        [("", 0), ("1-1", 0), (str(positions["first"]), 1), (str(positions["recent"]), BEFORE - 9)]
    )
    is_stream, is_double = chance.random() < 0.4, chance.random() < 0.4
    subscribes = is_double and not is_stream and chance.random() < 0.5
    download_id = "" if owed_much else chance.choice(["", "", f"k{chance.randrange(BEFORE, BEFORE + AFTER)}"])
    parts = [f"channel={channel}", f"interval_ms={chance.choice([0, 0, 100, 300])}", f"download_id={download_id}"]
    if is_double and not subscribes:
        parts.append(f"channel={channel}-2")
    if since:
        parts.append(f"since={channel}:{since}")
    options = [chance.random() < 0.5 for _ in range(2)]
    return Drawn(is_stream, "&".join(parts), 1 + is_double, first, options[0], options[1], subscribes, download_id)


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subscriber, "SLOW_CLIENT_TIMEOUT_S", STALLED_S)
    monkeypatch.setattr(progress, "UNACKNOWLEDGED_TIMEOUT_S", STALLED_S)
    monkeypatch.setattr(services, "SWEEP_INTERVAL_S", 0.1)


@pytest.mark.usefixtures("hasty")
@pytest.mark.parametrize("seed", [1, *(pytest.param(seed, marks=pytest.mark.long) for seed in range(2, 7))])
async def test_whatever_its_neighbours_do_a_client_gets_each_event_once_in_order_and_they_hold_little(
    valkey: Valkey, channel: str, seed: int
) -> None:
    chance = random.Random(seed)
    async with running(valkey, channel) as (live, port, positions), AsyncExitStack() as stack:
        clients = [draw(chance, channel, positions, owed_much=False) for _ in range(ORDINARY)]
        ended = {client.download_id for client in clients}
        superseded = {number for number in range(BEFORE, BEFORE + AFTER) if f"k{number}" in ended}  # by the end
        joining = live.services.channels.counters
        reading = [asyncio.create_task(read_all(port, client, f"{channel}-2")) for client in clients]
        await until(lambda: joining.joins >= sum(client.channels for client in clients), "the ordinary clients")
        drips = 0
        for _ in range(HOSTILE):
            client = draw(chance, channel, positions, owed_much=True)
            more = None if client.is_stream else VERSIONED * client.is_versioned + COMPRESSED * client.is_compressed
            connection = stack.enter_context(join(port, client.target(), more))
            match chance.choice(["stop", "drip", "vanish", "vanish later", "leave"]):
                case "drip":
                    drips += 1
                    dripping = asyncio.create_task(drip(connection))
                    stack.callback(dripping.cancel)
                case "vanish":
                    vanish(connection)
                case "vanish later":
                    asyncio.get_running_loop().call_later(chance.random(), vanish, connection)
                case "leave":
                    asyncio.get_running_loop().call_later(chance.random(), connection.close)
        for number in range(AFTER):
            await publish_note(live.services.broker, channel, BEFORE + number)
            await publish_note(live.services.broker, f"{channel}-2", OTHER + number)
            assert all(held_bytes(client) <= MAX_HELD_BYTES for client in live.services.connected)
        for name in (channel, f"{channel}-2"):
            for key in ended:
                await live.services.broker.publish({"type": "the end", "of": key}, name, key=key)
        for client, task in zip(clients, reading, strict=True):
            numbers = await task
            for is_other in (False, True):
                part = [number for number in numbers if (number >= OTHER) == is_other]
                assert part == sorted(set(part)), client
            assert client.owed() - superseded <= set(numbers) <= client.owed(), client
        await until(lambda: len(live.services.connected) == drips, "the end of all but those that read slowly")


async def drip(connection: socket.socket) -> None:
    while await asyncio.get_running_loop().sock_recv(connection, 20_000):
        await asyncio.sleep(0.1)
    raise AssertionError("cut")


async def read_all(port: int, client: Drawn, other: str) -> list[int]:
    """Return the numbers of the events that it got until each of its channels ended."""
    if client.is_stream:
        async with stream(f"http://127.0.0.1:{port}{client.target()}") as events:
            return await received_numbers(client, events.next)
    async with websockets.connect(
        f"ws://127.0.0.1:{port}{client.target()}",
        subprotocols=[websockets.Subprotocol("simulcast.v1")] if client.is_versioned else None,
        compression="deflate" if client.is_compressed else None,
        max_size=None,
        proxy=None,
    ) as connection:
        if client.subscribes:
            await connection.send(SUBSCRIBE % other)
        return await received_numbers(client, connection.recv)


async def received_numbers(client: Drawn, receive: Callable[[], Awaitable[str | bytes]]) -> list[int]:
    numbers: list[int] = []
    ends = 0
    async with asyncio.timeout(60):
        while ends < client.channels:
            event = json.loads(await receive())
            if event["type"] == "note":
                numbers.append(event["number"])
            ends += event["type"] == "the end" and event["of"] == client.download_id
    return numbers
