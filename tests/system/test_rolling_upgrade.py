"""Two releases at a time, each with its own Lua library, on one Redis: as in a rolling upgrade, and its way back."""

import asyncio
import json
from collections.abc import Mapping
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from simulcast.gateway import Gateway
from simulcast.model.channel import ChannelNames
from simulcast.store import functions
from tests.conditions import until
from tests.ports import free_port
from tests.scraping import Admin
from tests.service import FrontEnd, Program
from tests.system.later_release import later_version
from tests.topologies import Cluster
from tests.valkey import Valkey

pytestmark = pytest.mark.long
LATER = ("-m", "tests.system.later_release")


class LaterFrontEnd(FrontEnd):
    program = (*LATER, "app")


class Client:
    """Heard so far, in order: the ends of downloads, by their ids, and all positions."""

    def __init__(self, gateway: Gateway) -> None:
        self.gateway = gateway
        self.ends: list[str] = []
        self.positions: list[tuple[str, int]] = []
        self.connections = 0
        gateway.on_websocket_message = self._hear
        gateway.on_websocket_status_change = self._count

    def told(self, publisher: str) -> list[int]:
        """The numbers of its ends, in order."""
        return [int(end.rpartition("-")[2]) for end in self.ends if end.startswith(f"{publisher}-")]

    def _hear(self, text: str) -> None:
        event = json.loads(text)
        epoch, _, offset = event["event_id"].partition("-")
        self.ends.append(event["download_id"])
        self.positions.append((epoch, int(offset)))

    def _count(self, connected: bool) -> None:
        self.connections += connected


class Service:
    """Two front-ends and two publishers on the present release. Each is replaced by its name."""

    def __init__(self, url: str, channel: str, folder: Path, programs: list[Program]) -> None:
        self._url = url
        self._channel = channel
        self._folder = folder
        self._programs = programs
        self.ports = {"a": (free_port(), free_port()), "b": (free_port(), free_port())}
        self._front_ends: dict[str, FrontEnd] = {}
        self._publishers: dict[str, Program] = {}
        self.published = {"p": 0, "q": 0}

    async def start(self, name: str, *, later: bool = False) -> None:
        log = self._folder / f"{len(self._programs)}-{name}.log"
        if name in self.ports:
            public, admin = self.ports[name]
            release = LaterFrontEnd if later else FrontEnd
            front_end = release(self._url, log, port=public, SIMULCAST_ADMIN_PORT=str(admin))
            self._programs.append(front_end)
            self._front_ends[name] = await front_end.ready()
        else:
            module = ["tests.system.publishing", self._channel, name, str(self.published[name])]
            publisher = Program([*(LATER if later else LATER[:1]), *module], log, REDIS_URL=self._url)
            self._programs.append(publisher)
            self._publishers[name] = publisher

    async def stop(self, name: str) -> None:
        """As whoever runs it does. No front-end may have seen anything of the others' release."""
        if name in self._front_ends:
            await self.is_calm(name)
            await asyncio.to_thread(self._front_ends[name].stop)
        else:
            await asyncio.to_thread(self._publishers[name].stop)
            self.published[name] = int(self._publishers[name].output())

    async def is_calm(self, name: str) -> None:
        """Its clients have come once, lacked nothing and were sent nothing anew."""
        scraped = await Admin(self._front_ends[name], self.ports[name][1]).scrape()
        wrong = ("epochs", "gaps_lost", "clients_cut", "redis_reconnects")
        assert {each: scraped.value(f"simulcast_{each}_total") for each in wrong} == dict.fromkeys(wrong, 0.0)
        assert scraped.value("simulcast_recoveries_total", source="snapshot") == 0
        assert scraped.value("simulcast_joins_total") == 2


@pytest.fixture(params=["valkey", "cluster"])
def servers(request: pytest.FixtureRequest) -> Valkey | Cluster:
    found: Valkey | Cluster = request.getfixturevalue(request.param)
    return found


async def all_hear_more(clients: list[Client], publishers: Mapping[str, int]) -> None:
    """Each client is told of 20 more ends by each publisher."""
    goal = {name: max(len(client.told(name)) for client in clients) + 20 for name in publishers}
    for client in clients:
        await until(lambda: all(len(client.told(name)) >= goal[name] for name in goal), "more ends", 60)  # noqa: B023


@pytest.mark.timeout(180)
async def test_each_program_is_upgraded_in_turn_and_every_client_hears_each_event_once_in_one_epoch(
    servers: Valkey | Cluster, channel: str, tmp_path: Path, programs: list[Program]
) -> None:
    service = Service(servers.url, channel, tmp_path, programs)
    async with AsyncExitStack() as connected:
        clients: list[Client] = []
        for name, (port, _) in service.ports.items():
            await service.start(name)
            for _ in range(2):
                gateway = Gateway(url=f"ws://127.0.0.1:{port}/ws?channel={channel}", reconnect_delay_s=0.05)
                clients.append(Client(gateway))
                await connected.enter_async_context(gateway)
        await until(lambda: all(client.connections == 1 for client in clients), "every client")
        for name in service.published:
            await service.start(name)
        await all_hear_more(clients, service.published)
        for name in ("a", "p", "b", "q"):
            await service.stop(name)
            await service.start(name, later=True)
            await all_hear_more(clients, service.published)
        for name in service.published:
            await service.stop(name)
        for name in service.ports:
            await service.is_calm(name)
        ends = sum(service.published.values())
        for client in clients:
            await until(lambda: len(client.ends) >= ends, "every end")  # noqa: B023
            assert {name: client.told(name) for name in service.published} == {
                name: list(range(count)) for name, count in service.published.items()
            }
            assert client.positions == [(clients[0].positions[0][0], n + 1) for n in range(ends)]
            assert client.connections == 2  # its front-end was replaced
    assert {functions.library_hash(), later_version()} <= _loaded(servers, channel)


def _loaded(servers: Valkey | Cluster, channel: str) -> set[str]:
    """The versions of the library that the server which serves the channel was given."""
    server = servers.serving(channel) if isinstance(servers, Cluster) else servers
    with server.admin() as client:
        found = client.execute_command("FUNCTION LIST", "LIBRARYNAME", "simulcast_*")
    return {_name(library_).removeprefix("simulcast_") for library_ in found}


def _name(library_: list[bytes]) -> str:
    return library_[library_.index(b"library_name") + 1].decode()


def test_after_a_failover_to_and_fro_the_releases_agree_on_one_epoch(own_valkey: Valkey, channel: str) -> None:
    """An incarnation that one of them read before is no reason for an epoch at every call."""
    names, other = ChannelNames(channel), later_version()
    with own_valkey.admin() as client:
        client.execute_command("FUNCTION LOAD", functions.code())
        client.execute_command("FUNCTION LOAD", functions.code().replace(functions.library_hash(), other))

        def publish(version: str) -> bytes:
            args = (names.pubsub, 100, "-", "", b"{}", 1, "", 0)
            reply: bytes = client.execute_command("FCALL", f"simulcast_publish_{version}", 6, *names.stream_keys, *args)
            return reply.split(b"-")[0]

        def look(version: str) -> bytes:
            found: bytes = client.execute_command("FCALL", f"simulcast_head_{version}", 6, *names.stream_keys, "1", "")[
                0
            ]
            return found

        first = {publish(functions.library_hash()), publish(other), look(other)}
        assert len(first) == 1
        client.execute_command("REPLICAOF 127.0.0.1 1")
        client.execute_command("REPLICAOF NO ONE")  # as one that has been a replica meanwhile
        after = {epoch for _ in range(3) for epoch in (look(other), publish(functions.library_hash()))}
    assert len(after) == 1
    assert after.isdisjoint(first)


def test_every_release_gives_an_incarnation_the_same_name(own_valkey: Valkey, channel: str) -> None:
    """A later release that names an incarnation otherwise would open an epoch at every publication of an upgrade."""
    names = ChannelNames(channel)
    with own_valkey.admin() as client:
        client.execute_command("FUNCTION LOAD", functions.code())
        args = (names.pubsub, 100, "-", "", b"{}", 1, "", 0)
        client.execute_command("FCALL", functions.name("publish"), 6, *names.stream_keys, *args)
        info: dict[str, object] = client.info()
        incarnation = client.hget(names.meta, "incarnation")
        assert incarnation == f"{info['run_id']}.{info['master_replid']}".encode()
