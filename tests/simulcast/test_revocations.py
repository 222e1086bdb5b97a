"""Revoked tokens in Redis."""

import time
from collections.abc import AsyncIterator
from contextlib import aclosing

import pytest
import redis.asyncio

from simulcast.broker import Broker
from simulcast.errors import BrokerUnavailable
from simulcast.revocations import RevocationStore
from tests.conftest import Servers


@pytest.fixture
async def store(servers: Servers, broker: Broker) -> AsyncIterator[RevocationStore]:
    async with aclosing(servers.topology()) as topology:
        client = await topology.client_for("downloads")
        await client.delete(*broker.names().revocation_keys)
        yield RevocationStore(topology, broker)
        await client.delete(*broker.names().revocation_keys)


@pytest.fixture
async def admin(servers: Servers) -> AsyncIterator[redis.asyncio.Redis]:
    async with aclosing(servers.topology()) as topology:
        yield await topology.client_for("downloads")


async def test_what_is_revoked_is_read_until_its_end_and_only_when_it_has_changed(store: RevocationStore) -> None:
    assert (await store.read("")).ends_in_s is None
    await store.revoke("sub alice", 3600)
    await store.revoke("jti 7", 60)
    first = await store.read("")
    assert first.ends_in_s is not None and first.ends_in_s.keys() == {"sub alice", "jti 7"}
    assert 3500 < first.ends_in_s["sub alice"] <= 3600 and 50 < first.ends_in_s["jti 7"] <= 60
    assert (await store.read(first.version)).ends_in_s is None
    await store.revoke("sub alice", 100)
    second = await store.read(first.version)
    assert second.ends_in_s is not None and second.ends_in_s["sub alice"] <= 100
    assert second.version != first.version


async def test_revocations_end_and_so_do_their_keys(
    store: RevocationStore, admin: redis.asyncio.Redis, broker: Broker
) -> None:
    keys = broker.names().revocation_keys
    await store.revoke("sub alice", 3600)
    await store.revoke("jti 7", 60)
    for key in keys:
        assert 3500 < await admin.ttl(key) <= 3600
    await admin.zadd(keys[0], {"jti 7": round(time.time() * 1000) - 1})
    assert (await store.read("")).ends_in_s is not None
    assert "jti 7" not in ((await store.read("")).ends_in_s or {})
    await store.revoke("jti 8", 60)
    assert await admin.zscore(keys[0], "jti 7") is None


async def test_beyond_the_bound_nothing_gives_way(
    store: RevocationStore, admin: redis.asyncio.Redis, broker: Broker
) -> None:
    end = round(time.time() * 1000) + 3_600_000
    await admin.zadd(broker.names().revocation_keys[0], {f"jti {number}": end for number in range(20_000)})
    with pytest.raises(BrokerUnavailable, match="20000 tokens and users are revoked already"):
        await store.revoke("jti one more", 60)
    await store.revoke("jti 7", 7200)
    ends = (await store.read("")).ends_in_s
    assert ends is not None and len(ends) == 20_000 and ends["jti 7"] > 7000
