"""A front-end, its client and its publisher on a group of servers that a test breaks."""

import asyncio
import json
import secrets
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from simulcast.broker import Broker
from simulcast.errors import BrokerUnavailable
from simulcast.gateway import Gateway
from simulcast.jobs import Jobs
from simulcast.model.events import complete_event
from simulcast.store import sender
from tests.conditions import FAILOVER_S, until
from tests.programs import StartFrontEnd
from tests.service import FrontEnd
from tests.topologies import Group


@dataclass
class ReconnectingClient:
    """A client that keeps its position, and reconnects when it is cut."""

    gateway: Gateway
    messages: list[dict[str, object]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.gateway.on_websocket_message = lambda text: self.messages.append(json.loads(text))

    def ends(self) -> Counter[str]:
        """Count how often it received the end of each download."""
        return Counter(str(each["download_id"]) for each in self.messages if each.get("type") == "download_complete")


@pytest.fixture
def group(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Group]:
    """Servers that the test may break, of the class that parametrizes the module."""
    with request.param(tmp_path / "group").running() as servers:
        yield servers


@pytest.fixture
async def running(group: Group, front_end: StartFrontEnd) -> FrontEnd:
    return await front_end(redis_url=group.url)


@pytest.fixture
async def reconnecting_client(running: FrontEnd) -> AsyncIterator[ReconnectingClient]:
    async with Gateway(port=running.port, reconnect_delay_s=0.2) as gateway:
        client = ReconnectingClient(gateway)
        await until(lambda: gateway.is_websocket_connected, "a client that is connected")
        yield client


@pytest.fixture
async def publisher(group: Group, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Broker]:
    monkeypatch.setattr(sender, "CLOSE_TIMEOUT_S", 0)  # no replica is left at the end
    broker = Broker.connect(group.url)
    yield broker
    await broker.aclose()


@pytest.fixture
async def jobs(group: Group, publisher: Broker) -> AsyncIterator[Jobs]:
    jobs = Jobs.connect(group.url, publisher)
    yield jobs
    await jobs.aclose()


class Load:
    """Ends of downloads, published one after the other until told to stop; `acknowledged` are those that were."""

    def __init__(self, broker: Broker, channel: str = "downloads") -> None:
        self.acknowledged: list[str] = []
        self.refused: list[str] = []
        self._broker = broker
        self._channel = channel
        self._name = secrets.token_hex(4)
        self._stop = asyncio.Event()

    async def run(self) -> None:
        number = 0
        while not self._stop.is_set():
            number += 1
            download_id = f"{self._name}-{number}"
            try:
                await self._broker.publish(complete_event(download_id, "/x"), self._channel)
                self.acknowledged.append(download_id)
            except BrokerUnavailable as error:
                self.refused.append(f"{download_id}: {error}")
            await asyncio.sleep(0.002)

    async def more(self, number: int = 50) -> None:
        """Wait until so many more are acknowledged."""
        enough = len(self.acknowledged) + number
        await until(lambda: len(self.acknowledged) >= enough, f"{number} more acknowledged", FAILOVER_S)

    async def end(self) -> None:
        self._stop.set()


@pytest.fixture
async def load(publisher: Broker) -> AsyncIterator[Load]:
    """A load that is under way."""
    load = Load(publisher)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(load.run())
        yield load
        await load.end()


async def assert_all_received(reconnecting_client: ReconnectingClient, load: Load) -> None:
    """Assert that the client received each acknowledged end once."""
    await load.end()
    await until(lambda: reconnecting_client.ends().keys() >= set(load.acknowledged), "every end", FAILOVER_S)
    ends = reconnecting_client.ends()
    repeated = [each for each in load.acknowledged if ends[each] > 1]
    assert (repeated, load.refused) == ([], [])
