"""A cluster: the server that owns a channel's slot (https://valkey.io/topics/cluster-spec/).

Publications travel by sharded Pub/Sub, so each is known to its own shard only. Who is no broker may publish by plain
PUBLISH too, which a cluster tells on every node: therefore both are subscribed to.
"""

import asyncio
import random
from collections.abc import Iterable
from typing import Any

import redis
from redis.asyncio.client import PubSub
from redis.crc import REDIS_CLUSTER_HASH_SLOTS, key_slot

from simulcast.model.channel import ChannelNames
from simulcast.store.topology import DISCOVERY_TIMEOUT_S, DiscoveredTopology
from simulcast.store.url import Server


class Cluster(DiscoveredTopology):
    """Each channel is served by the owner of its slot."""

    is_sharded = True
    subscribe_reply = b"ssubscribe"

    _owners: tuple[Server | None, ...] = (None,) * REDIS_CLUSTER_HASH_SLOTS
    _masters: frozenset[Server] = frozenset()  # that own a slot
    _nodes: frozenset[Server] = frozenset()  # replicas too

    async def _discover(self) -> None:
        known = list(self._discovery_nodes())
        random.shuffle(known)
        troubles: list[str] = []
        for node in known:
            try:
                async with asyncio.timeout(DISCOVERY_TIMEOUT_S):
                    slots = await self._discovery_client(node).execute_command("CLUSTER SLOTS")
            except (redis.RedisError, OSError, TimeoutError) as error:
                troubles.append(str(error) or f"{node[0]}:{node[1]} doesn't answer")
                continue
            if slots:
                self._apply(node, slots)
                return
            troubles.append(f"{node[0]}:{node[1]} knows no owner of any slot")
        raise redis.ConnectionError("; ".join(troubles))

    def _apply(self, node: Server, slots: list[list[Any]]) -> None:
        """`slots`: for each range its first and last slot, the owner, and its replicas."""
        owners: list[Server | None] = [None] * REDIS_CLUSTER_HASH_SLOTS
        nodes: set[Server] = set()
        for first, last, *found in slots:
            servers = [(host.decode() if host else node[0], port) for host, port, *_ in found]
            owners[first : last + 1] = [servers[0]] * (last + 1 - first)
            nodes.update(servers)
        self._owners, self._nodes = tuple(owners), frozenset(nodes)
        self._masters = frozenset(owner for owner in owners if owner is not None)

    def _server_for(self, channel: str) -> Server | None:
        return self._owners[key_slot(ChannelNames(channel).pubsub.encode())]

    def _data_servers(self) -> frozenset[Server]:
        return self._masters

    def _discovery_nodes(self) -> frozenset[Server]:
        return self._nodes.union(self._address.members)

    def _discovery_url(self, member: Server) -> str:
        return self._address.url_for(member)

    async def subscribe(self, pubsub: PubSub, names: Iterable[str]) -> None:
        for name in names:  # one by one: they may lie in different slots of the same server
            await pubsub.subscribe(name)
            await pubsub.ssubscribe(name)

    async def unsubscribe(self, pubsub: PubSub, name: str) -> None:
        await pubsub.unsubscribe(name)
        await pubsub.sunsubscribe(name)
