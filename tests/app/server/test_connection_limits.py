"""Who counts as whom, and who is one too many."""

import asyncio
import time

import pytest
import redis.asyncio
import websockets
from websockets.exceptions import InvalidStatus

from app.server.connection_limits import (
    FDS_PER_DISCOVERY_SERVER,
    FDS_PER_SERVER,
    MAX_REJECTING,
    ConnectionLimits,
    max_connections,
)
from simulcast.frontend.fanout.counters import Counters
from simulcast.frontend.services import open_services
from simulcast.model.channel import DEFAULT_CHANNEL
from simulcast.store.connection import MAX_POOL_CONNECTIONS, connect
from tests.conditions import until
from tests.served import REQUEST, Endpoint, hello, rest, served
from tests.valkey import Valkey


@pytest.mark.parametrize(
    ("peer", "forwarded", "counts_as"),
    [
        ("203.0.113.5", "", "203.0.113.5"),
        ("::ffff:203.0.113.5", "", "203.0.113.5"),
        ("2001:db8:1:2:3:4:5:6", "", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "", "fe80::/64"),
        ("127.0.0.1", "", ""),
        ("127.0.0.7", "", ""),
        ("::1", "", ""),
        (None, "", ""),
        ("10.0.0.9", "", ""),
        ("127.0.0.1", "203.0.113.5", "203.0.113.5"),
        ("10.0.0.9", "198.51.100.1, 203.0.113.5", "203.0.113.5"),
        ("10.0.0.9", "198.51.100.1, 203.0.113.5, 10.0.0.8", "203.0.113.5"),
        ("10.0.0.9", "nonsense", ""),
        ("203.0.113.5", "198.51.100.1", "203.0.113.5"),
    ],
)
def test_a_client_counts_as_its_address_and_one_that_a_proxy_forwards_as_what_the_proxy_says(
    peer: str | None, forwarded: str, counts_as: str
) -> None:
    limits = ConnectionLimits(lambda: 100, 10, ["127.0.0.1", "10.0.0.0/8"])
    assert limits.address_key(peer, forwarded) == counts_as


def test_one_address_has_as_many_as_it_may_and_who_leaves_makes_room() -> None:
    limits = ConnectionLimits(lambda: 100, 2, [])
    assert [limits.enter("a", n) for n in (1, 2)] == [None, None]
    assert limits.enter("b", 3) is None
    status, why = limits.enter("a", 4) or (0, "")
    assert status == 429 and "a has 2 connections already" in why
    limits.leave("a")
    assert limits.enter("a", 4) is None
    for client in ("a", "a", "b"):
        limits.leave(client)
    assert limits.addresses == 0


def test_no_number_for_one_address_is_any_number_and_this_machine_has_none() -> None:
    unlimited, strict = ConnectionLimits(lambda: 100, 0, []), ConnectionLimits(lambda: 100, 1, [])
    assert {unlimited.enter("a", n) for n in range(50)} == {None}
    assert {strict.enter("", n) for n in range(50)} == {None}


def test_beyond_what_the_descriptors_allow_nobody_is_let_in() -> None:
    status, why = ConnectionLimits(lambda: 30, 0, []).enter("a", 31) or (0, "")
    assert status == 503 and "30 connections" in why
    assert max_connections(60, 1, 0) == 30


@pytest.mark.parametrize(
    ("servers", "asked", "reserved"),
    [(1, 0, 200), (1, 3, 215), (3, 6, 510), (10, 30, 1610)],  # as docs/limits.md has it
)
def test_what_is_kept_for_redis_grows_with_its_servers(servers: int, asked: int, reserved: int) -> None:
    assert max_connections(65_536, servers, asked) == 65_536 - reserved


async def test_what_is_kept_for_one_server_is_what_all_pools_may_take(
    valkey: Valkey, monkeypatch: pytest.MonkeyPatch
) -> None:
    pools: list[int] = []

    def counted(url: str, most: int = MAX_POOL_CONNECTIONS) -> redis.asyncio.Redis:
        pools.append(most)
        return connect(url, most)

    monkeypatch.setattr("simulcast.store.factory.connect", counted)
    async with open_services(valkey.url, DEFAULT_CHANNEL, Counters(time.monotonic)):
        assert (sum(pools), len(pools)) == (FDS_PER_SERVER, FDS_PER_DISCOVERY_SERVER)


def limited(most: int, most_per_address: int = 0) -> ConnectionLimits:
    return ConnectionLimits(lambda: most, most_per_address, ["127.0.0.1"])


async def test_an_address_that_is_forwarded_has_as_many_web_sockets_as_it_may() -> None:
    limits = limited(100, 2)
    here, there = ({"x-forwarded-for": f"203.0.113.{n}"} for n in (1, 2))
    async with served(hello, Endpoint(), limits) as server:
        url = f"ws://127.0.0.1:{server.config.port}"
        first = await websockets.connect(url, additional_headers=here)
        async with websockets.connect(url, additional_headers=here):
            with pytest.raises(InvalidStatus) as refused:
                await websockets.connect(url, additional_headers=here)
            assert refused.value.response.status_code == 429
            assert refused.value.response.headers["retry-after"]
            assert b"203.0.113.1 has 2 connections" in (refused.value.response.body or b"")
            async with websockets.connect(url, additional_headers=there), websockets.connect(url):
                pass
            first.transport.abort()
            await until(lambda: limits.addresses == 1, "the others' end")
            async with websockets.connect(url, additional_headers=here):
                pass
        await until(lambda: not limits.addresses, "the end of all")


async def test_who_only_asks_counts_while_connected() -> None:
    limits = limited(100, 1)
    forwarded = REQUEST + b"X-Forwarded-For: 203.0.113.1\r\n\r\n"
    async with served(hello, connection_limits=limits, timeout_keep_alive=600) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.config.port)
        for _ in range(2):  # twice by one connection is once
            writer.write(forwarded)
            async with asyncio.timeout(20):
                assert (await reader.readuntil(b"hello")).startswith(b"HTTP/1.1 200 ")
        assert (await rest(server, forwarded)).startswith(b"HTTP/1.1 429 ")
        writer.close()
        await until(lambda: not limits.addresses, "the end")


async def test_where_there_is_no_room_clients_are_told_so_and_probes_are_answered() -> None:
    limits = limited(3)
    async with served(hello, connection_limits=limits) as server:
        port = server.config.port
        held = [await asyncio.open_connection("127.0.0.1", port) for _ in range(3)]
        said = await rest(server, REQUEST + b"\r\n")
        assert said.startswith(b"HTTP/1.1 503 ") and b"retry-after: 5" in said and b"ulimit -n" in said
        for path in (b"/health", b"/ready", b"/metrics"):
            probe = REQUEST.replace(b"GET /", b"GET " + path) + b"Connection: close\r\n\r\n"
            assert (await rest(server, probe)).startswith(b"HTTP/1.1 200 ")
        keeping = REQUEST.replace(b"GET /", b"GET /health") + b"\r\n"
        assert b"connection: close" in await rest(server, keeping)  # a kept connection would keep a place of refusals
        silent = [await asyncio.open_connection("127.0.0.1", port) for _ in range(MAX_REJECTING)]
        await until(lambda: limits.rejecting == MAX_REJECTING, "the refusals under way")
        assert await rest(server, REQUEST + b"\r\n") == b""  # cut without a word
        for _, writer in held + silent:
            writer.close()
        await until(lambda: not limits.rejecting, "room")
        await until(lambda: not server.server_state.connections, "room")
        assert (await rest(server, REQUEST + b"Connection: close\r\n\r\n")).endswith(b"hello")


async def test_a_connection_for_which_there_is_room_by_now_keeps_no_place_of_refusals() -> None:
    limits = limited(1)
    async with served(hello, connection_limits=limits, timeout_keep_alive=600) as server:
        port = server.config.port
        _, held = await asyncio.open_connection("127.0.0.1", port)
        await until(lambda: len(server.server_state.connections) == 1, "the first one")
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        await until(lambda: limits.rejecting == 1, "the second one")
        held.close()
        await until(lambda: len(server.server_state.connections) == 1, "room")
        writer.write(REQUEST + b"X-Forwarded-For: 203.0.113.1\r\n\r\n")
        async with asyncio.timeout(20):
            assert (await reader.readuntil(b"hello")).startswith(b"HTTP/1.1 200 ")
        assert limits.rejecting == 0 and limits.addresses == 1
        writer.close()
