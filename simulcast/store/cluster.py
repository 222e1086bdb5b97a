"""A cluster: the server that owns a channel's slot (https://valkey.io/topics/cluster-spec/).

Publications travel by sharded Pub/Sub, so each reaches its own shard only. External publishers may use plain PUBLISH,
which a cluster sends to every node: so both kinds are subscribed to.
"""

import asyncio
import random
from collections.abc import Sequence
from typing import Any

import redis
from redis.crc import REDIS_CLUSTER_HASH_SLOTS, key_slot

from simulcast.store.topology import DISCOVERY_TIMEOUT_S, DiscoveredTopology
from simulcast.store.url import Server


class Cluster(DiscoveredTopology):
    """The owner of a channel's slot serves it."""

    is_sharded = True
    subscribe_reply = b"ssubscribe"

    _owners: tuple[Server | None, ...] = (None,) * REDIS_CLUSTER_HASH_SLOTS
    _masters: frozenset[Server] = frozenset()  # owners of a slot
    _nodes: frozenset[Server] = frozenset()  # and their replicas

    async def _discover(self) -> None:
        nodes = list(self._discovery_nodes())
        random.shuffle(nodes)
        errors: list[str] = []
        for node in nodes:
            try:
                async with asyncio.timeout(DISCOVERY_TIMEOUT_S):
                    slots = await self._discovery_client(node).execute_command("CLUSTER SLOTS")
                if slots:
                    self._apply(node, slots)
                    return
                errors.append(f"{node[0]}:{node[1]} knows no owner of any slot")
            except Exception as error:  # the answer of what is no node makes no sense
                errors.append(str(error) or f"{node[0]}:{node[1]} doesn't answer")
        raise redis.ConnectionError("; ".join(errors))

    def _apply(self, node: Server, slots: list[list[Any]]) -> None:
        """Keep a node's reply: for each range of slots the first one, the last one, the owner and its replicas."""
        owners: list[Server | None] = [None] * REDIS_CLUSTER_HASH_SLOTS
        nodes: set[Server] = set()
        for first, last, *members in slots:
            servers = [_server(node, *member) for member in members]
            owners[first : last + 1] = [servers[0]] * (last + 1 - first)
            nodes.update(servers)
        self._owners, self._nodes = tuple(owners), frozenset(nodes)
        self._masters = frozenset(owner for owner in owners if owner is not None)
        # Nodes leave out a replica that is down, and it may come back and become master.
        self.is_replicated = self.is_replicated or self._nodes != self._masters

    def _server_for(self, channel: str) -> Server | None:
        return self._owners[key_slot(self.names(channel).pubsub.encode())]

    def _data_servers(self) -> frozenset[Server]:
        return self._masters

    def _discovery_nodes(self) -> frozenset[Server]:
        return self._nodes.union(self._address.members)

    def _discovery_url(self, member: Server) -> str:
        return self._address.url_for(member)


def _server(node: Server, host: bytes | None, port: int, _id: bytes = b"", addresses: Sequence[bytes] = ()) -> Server:
    """Return a member of `node`'s reply. `addresses`: names and values of its other addresses, in turn.

    A member without a host is at the host that was asked; one whose host name is not set has "?", and an IP address.
    """
    if host == b"?":
        others = dict(zip(addresses[::2], addresses[1::2], strict=False))
        host = others.get(b"ip")
    return host.decode() if host else node[0], port
