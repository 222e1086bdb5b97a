"""The server that was discovered last serves while another look is under way, unless that was long ago."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import redis.asyncio

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
