"""Acknowledged revocations hold after a failover that lost them."""

from contextlib import aclosing

import pytest

from simulcast.broker import Broker
from simulcast.revocations import RevocationStore
from simulcast.store.factory import topology_from_url
from tests.conditions import FAILOVER_S, eventually, retry_while_unavailable
from tests.topologies import Cluster, Group, Sentinels


@pytest.mark.timeout(180)
@pytest.mark.parametrize("group", [Sentinels, Cluster], indirect=True)
async def test_a_revocation_that_no_replica_had_holds(group: Group, publisher: Broker) -> None:
    async with aclosing(topology_from_url(group.url)) as servers:
        store = RevocationStore(servers, publisher)
        await store.revoke("sub before", 3600)
        before = await store.read("")
        first = group.serving("downloads")
        group.cut_off_replicas(first)
        await store.revoke("sub after", 3600)
        first.kill()

        async def holds() -> bool:
            revoked = await retry_while_unavailable(lambda: store.read(before.version))
            return revoked.ends_in_s is not None and revoked.ends_in_s.keys() == {"sub before", "sub after"}

        await eventually(holds, "both revocations", FAILOVER_S)
