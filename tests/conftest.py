"""What several tests share: a real Valkey for the session, and a channel of its own for each test."""

import itertools
import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import fakeredis
import pytest
import redis.asyncio

from simulcast.broker import Broker
from simulcast.connection import connect
from simulcast.jobs import Jobs
from tests.valkey import Valkey

pytest_plugins = ["tests.programs", "tests.gateway_js.world"]
_numbers = itertools.count()


@pytest.fixture(scope="session")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Valkey]:
    server = Valkey(tmp_path_factory.mktemp("valkey")).start()
    yield server
    server.stop()


@pytest.fixture
def own_valkey(tmp_path: Path) -> Iterator[Valkey]:
    """A server that the test may kill."""
    server = Valkey(tmp_path / "valkey").start()
    yield server
    server.stop()


@pytest.fixture
def channel() -> str:
    """A fresh name per test instead of FLUSHALL."""
    return f"test-{os.getpid()}-{next(_numbers)}"


class Servers:
    """Clients of one server, real or fake."""

    def __init__(self, url: str | None) -> None:
        self._url = url
        self._fake = fakeredis.FakeServer(version=(7,)) if url is None else None

    def client(self, most_connections: int = 16) -> redis.asyncio.Redis:
        if self._url is not None:
            return connect(self._url, most_connections)
        return fakeredis.FakeAsyncRedis(server=self._fake)

    def broker(self) -> Broker:
        return Broker(self.client(), self.client(1))


@pytest.fixture(params=["fakeredis", "valkey"])
def servers(request: pytest.FixtureRequest) -> Servers:
    """The same promises on both."""
    if request.param == "fakeredis":
        return Servers(None)
    server: Valkey = request.getfixturevalue("valkey")
    return Servers(server.url)


@pytest.fixture
async def client(servers: Servers) -> AsyncIterator[redis.asyncio.Redis]:
    found = servers.client()
    yield found
    await found.aclose()


@pytest.fixture
async def broker(servers: Servers) -> AsyncIterator[Broker]:
    found = servers.broker()
    yield found
    await found.aclose()


@pytest.fixture
async def jobs(servers: Servers, broker: Broker, channel: str) -> AsyncIterator[Jobs]:
    found = Jobs(servers.client(), broker, channel)
    yield found
    await found.aclose()
