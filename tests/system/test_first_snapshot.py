"""A client that keeps its position is cut within its first snapshot, anywhere, and comes back."""

import asyncio
import json
import random

import pytest
import websockets
from websockets.typing import Subprotocol

from simulcast.broker import Broker
from simulcast.gateway import Gateway
from simulcast.model.events import complete_event, progress_event
from tests.conditions import until
from tests.event_stream import stream
from tests.service import FrontEnd

DOWNLOADS = 60


async def publish_downloads(broker: Broker, channel: str, generator: random.Random) -> None:
    """Publish events of running downloads and of ended ones, in any order."""
    for number in range(DOWNLOADS):
        event = complete_event if generator.random() < 0.5 else progress_event
        await broker.publish(event(str(number), *(("/x",) if event is complete_event else (0.5, 1))), channel)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("subprotocol", ["simulcast.v1.joined", "simulcast.v1", "simulcast.flat"])
async def test_a_client_of_a_subprotocol_misses_nothing(
    shared_front_end: FrontEnd, shared_broker: Broker, subprotocol: str, seed: int
) -> None:
    generator, channel = random.Random(seed), f"first-{subprotocol}-{seed}"
    await publish_downloads(shared_broker, channel, generator)
    address, since, seen = f"{shared_front_end.ws}?channel={channel}", "", set[str]()
    while len(seen) < DOWNLOADS:
        spoken = [Subprotocol(subprotocol)]
        async with websockets.connect(address + since, proxy=None, subprotocols=spoken) as client:
            enough = min(DOWNLOADS, len(seen) + generator.randint(1, 20))
            while len(seen) < enough:
                async with asyncio.timeout(10):
                    message = await client.recv(decode=True)
                for event in map(json.loads, message.split("\x1e")):
                    if event["type"].startswith("download_"):
                        assert event["download_id"] not in seen
                        seen.add(event["download_id"])
                        since = f"&since={event['event_id']}"
            client.transport.abort()


@pytest.mark.parametrize("seed", range(3))
async def test_an_event_source_misses_nothing(shared_front_end: FrontEnd, shared_broker: Broker, seed: int) -> None:
    generator, channel = random.Random(seed), f"first-sse-{seed}"
    await publish_downloads(shared_broker, channel, generator)
    seen, last_id = set[str](), ""
    while len(seen) < DOWNLOADS:
        address = f"http://127.0.0.1:{shared_front_end.port}/events?channel={channel}"
        async with stream(address, last_id) as reader:
            for _ in range(min(DOWNLOADS - len(seen), generator.randint(1, 20))):
                async with asyncio.timeout(10):
                    seen.add(json.loads(await reader.next())["download_id"])
            last_id = reader.last_id


@pytest.mark.parametrize("seed", range(3))
async def test_a_gateway_misses_nothing(shared_front_end: FrontEnd, shared_broker: Broker, seed: int) -> None:
    generator, channel = random.Random(seed), f"first-gateway-{seed}"
    await publish_downloads(shared_broker, channel, generator)
    seen: list[str] = []

    def on_message(text: str) -> None:
        seen.append(json.loads(text)["download_id"])
        if generator.random() < 0.1 and gateway._connection is not None:
            gateway._connection.transport.abort()

    address = f"{shared_front_end.ws}?channel={channel}"
    gateway = Gateway(url=address, on_websocket_message=on_message, reconnect_delay_s=0.01)
    async with gateway:
        await until(lambda: len(seen) >= DOWNLOADS, "all downloads", 10)
    assert sorted(seen, key=int) == [str(number) for number in range(DOWNLOADS)]
