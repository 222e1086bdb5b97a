"""What several tests share: a real Valkey for the session, and a channel of its own for each test."""

import gc
import itertools
import os
import re
import shutil
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from pathlib import Path

import fakeredis
import pytest
import redis.asyncio
from hypothesis import HealthCheck, settings

from simulcast.broker import Broker
from simulcast.jobs import Jobs
from simulcast.own_jobs import OwnJobs
from simulcast.store.factory import topology_from_url
from simulcast.store.topology import Topology
from tests.topologies import Cluster, Group, Sentinels
from tests.valkey import Valkey

pytest_plugins = ["tests.browsers", "tests.command_line", "tests.programs", "tests.controlled_server"]
# Examples are derived, not drawn at random: CI must give the same answer for the same commit.
settings.register_profile(
    "tests", deadline=None, derandomize=True, database=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("tests")
_numbers = itertools.count()
_LONG = ("faults", "chaos", "autobahn", "topology", "install", "page", "deploy")  # folders
_LONG_MODULE = re.compile(r"^pytestmark = .*\bpytest\.mark\.long\b", re.MULTILINE)
_FIRST = (*_LONG, "model", "compose", "gateway_js", "properties")  # begun last, one of them would be waited for


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leaves out folders and modules of long tests where none is wanted: each process imports all that it collects."""
    if config.option.markexpr != "not long":
        return None
    if collection_path.suffix == ".py":
        return True if _LONG_MODULE.search(collection_path.read_text(encoding="utf-8")) else None
    return True if collection_path.parent == Path(__file__).parent and collection_path.name in _LONG else None


def pytest_collection_finish() -> None:
    """Let the collector leave alone what is there for good: all tests, and all that they import."""
    gc.freeze()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks what is in a folder of long tests. Long modules go first: those side by side then end together.

    Of each folder one in turn, since those of a folder want the same: faults processors, containers patience.
    """
    paths = {item: item.path.relative_to(Path(__file__).parent) for item in items}
    folders = {item: path.parts[0] for item, path in paths.items()}
    for item, path in paths.items():
        if path.parts[0] in _LONG:
            item.add_marker(pytest.mark.long)
    modules: dict[str, list[Path]] = defaultdict(list)
    for item in items:
        if item.path not in modules[folders[item]]:
            modules[folders[item]].append(item.path)
    turns = {path: turn for paths in modules.values() for turn, path in enumerate(paths)}
    items.sort(key=lambda item: (False, turns[item.path]) if folders[item] in _FIRST else (True, 0))


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
async def own_broker(own_valkey: Valkey) -> AsyncIterator[Broker]:
    async with aclosing(Broker.connect(own_valkey.url)) as broker:
        yield broker


@pytest.fixture
async def own_jobs(own_valkey: Valkey, own_broker: Broker) -> AsyncIterator[Jobs]:
    async with aclosing(Jobs.connect(own_valkey.url, own_broker)) as jobs:
        yield jobs


@pytest.fixture
def channel() -> str:
    """A fresh name per test instead of FLUSHALL."""
    return f"test-{os.getpid()}-{next(_numbers)}"


@pytest.fixture(scope="session")
def redis_7(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Valkey]:
    """The oldest server that is supported, as Debian has it."""
    program = shutil.which("redis-server")
    if program is None and "CI" not in os.environ:
        pytest.skip("no redis-server here: apt install redis-server")
    server = Valkey(tmp_path_factory.mktemp("redis"), program or "redis-server").start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def sentinels(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sentinels]:
    """For tests that leave its servers alive."""
    with Sentinels(tmp_path_factory.mktemp("sentinels")).running() as group:
        yield group


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """For tests that leave its servers alive."""
    with Cluster(tmp_path_factory.mktemp("cluster")).running() as group:
        yield group


class Servers:
    """Clients of one topology, real or fake."""

    def __init__(self, url: str | None) -> None:
        self._url = url
        self._fake = fakeredis.FakeServer(version=(7,)) if url is None else None

    def topology(self) -> Topology:
        """With connections of its own."""
        if self._url is not None:
            return topology_from_url(self._url, max_connections=16)
        return Topology(fakeredis.FakeAsyncRedis(server=self._fake))

    def broker(self) -> Broker:
        return Broker(self.topology(), self.topology())


SEVERAL = [pytest.param(each, marks=pytest.mark.long) for each in ("sentinels", "cluster")]


@pytest.fixture(params=["fakeredis", "valkey", "redis_7", *SEVERAL])
def servers(request: pytest.FixtureRequest) -> Servers:
    """The same promises on each."""
    if request.param == "fakeredis":
        return Servers(None)
    server: Valkey | Group = request.getfixturevalue(request.param)
    return Servers(server.url)


@pytest.fixture
async def topology(servers: Servers) -> AsyncIterator[Topology]:
    found = servers.topology()
    yield found
    await found.aclose()


@pytest.fixture
async def client(topology: Topology, channel: str) -> redis.asyncio.Redis:
    """Of the server that serves the test's channel."""
    return await topology.client_for(channel)


@pytest.fixture
async def broker(servers: Servers) -> AsyncIterator[Broker]:
    found = servers.broker()
    yield found
    await found.aclose()


@pytest.fixture
async def jobs(servers: Servers, broker: Broker, channel: str) -> AsyncIterator[Jobs]:
    found = Jobs(servers.topology(), broker, channel)
    yield found
    await found.aclose()


@pytest.fixture
async def any_jobs(servers: Servers, broker: Broker, channel: str) -> AsyncIterator[OwnJobs]:
    async with aclosing(OwnJobs(servers.topology(), broker, channel)) as found:
        yield found
