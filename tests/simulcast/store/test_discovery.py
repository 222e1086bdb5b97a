"""The server that was discovered last serves while another look is under way, unless that was long ago."""

import asyncio
import random
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import hiredis
import pytest
import redis.asyncio

from simulcast.store.cluster import Cluster
from simulcast.store.sentinel import Sentinel
from simulcast.store.topology import DISCOVERY_INTERVAL_S, MAX_DISCOVERY_AGE_S, DiscoveredTopology
from simulcast.store.url import Server, parse


class Named(DiscoveredTopology):
    """A server of that name."""

    def __init__(self) -> None:
        super().__init__(parse("redis+sentinel://localhost/main"), 1)
        self.name = "first"
        self._found: Server = ("", 0)

    async def _discover(self) -> None:
        await asyncio.sleep(0)
        self._found = self.name, 6379

    def _server_for(self, channel: str) -> Server:
        return self._found

    def _data_servers(self) -> frozenset[Server]:
        return frozenset([self._found])

    def _discovery_nodes(self) -> frozenset[Server]:
        return frozenset()

    def _discovery_url(self, member: Server) -> str:
        return ""


@pytest.fixture
async def named() -> AsyncIterator[Named]:
    topology = Named()
    yield topology
    await topology.aclose()


def host_of(client: redis.asyncio.Redis) -> object:
    return client.connection_pool.connection_kwargs["host"]


async def test_after_a_quiet_time_the_first_call_goes_to_the_server_that_serves_by_now(named: Named) -> None:
    """Else it would go to one that is dead, and its caller would have to repeat it."""
    assert host_of(await named.client_for("c")) == "first"
    named.name = "second"
    named._refreshed_at -= MAX_DISCOVERY_AGE_S + 1
    assert host_of(await named.client_for("c")) == "second"


async def test_while_there_are_calls_none_waits_for_a_look(named: Named) -> None:
    await named.client_for("c")
    named.name = "second"
    named._refreshed_at -= DISCOVERY_INTERVAL_S + 1
    assert host_of(await named.client_for("c")) == "first"
    assert named._refresh_task is not None
    await named._refresh_task
    assert host_of(await named.client_for("c")) == "second"


def array(*items: bytes) -> bytes:
    """Return an array of texts and of what is encoded already, as Redis sends it."""
    encoded = (item if item[:1] in b"*:$" else b"$%d\r\n%b\r\n" % (len(item), item) for item in items)
    return b"*%d\r\n%b" % (len(items), b"".join(encoded))


@asynccontextmanager
async def answering(answers: Mapping[bytes, bytes]) -> AsyncIterator[int]:
    """Yield the port of a server with these answers, by the first two words of a command."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        parser = hiredis.Reader()
        while data := await reader.read(4096):
            parser.feed(data)
            while (words := parser.gets()) is not False:
                writer.write(answers.get(b" ".join(words[:2]), b"+OK\r\n"))
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


STATE = array(*b"name main ip 127.0.0.1 port 7001 flags master config-epoch 1 num-slaves 1".split())
NIL = b"*-1\r\n"


async def test_a_sentinel_whose_answer_makes_no_sense_hides_no_other_one() -> None:
    """One that is told of the master anew has none for a moment, between two questions."""
    address = b"SENTINEL GET-MASTER-ADDR-BY-NAME"
    known = array(b"127.0.0.1", b"7001")
    async with (
        answering({b"SENTINEL MASTER": STATE, address: NIL}) as odd,
        answering({b"SENTINEL MASTER": STATE, address: known}) as good,
    ):
        sentinels = Sentinel(parse(f"redis+sentinel://127.0.0.1:{odd},127.0.0.1:{good}/main"), 1)
        assert (await sentinels.client_for("c")).connection_pool.connection_kwargs["port"] == 7001
        await sentinels.aclose()


async def test_a_node_whose_answer_makes_no_sense_hides_no_other_one(monkeypatch: pytest.MonkeyPatch) -> None:
    slots = array(array(b":0\r\n", b":16383\r\n", array(b"127.0.0.1", b":7001\r\n", b"id")))
    async with (
        answering({b"CLUSTER SLOTS": array(b":1\r\n")}) as odd,
        answering({b"CLUSTER SLOTS": slots}) as good,
    ):
        monkeypatch.setattr(random, "shuffle", lambda nodes: nodes.sort(key=lambda node: node[1] != odd))
        cluster = Cluster(parse(f"redis+cluster://127.0.0.1:{odd},127.0.0.1:{good}"), 1)
        assert (await cluster.client_for("c")).connection_pool.connection_kwargs["port"] == 7001
        await cluster.aclose()
