"""The keys that sign links to files: random, in Redis, where all front-ends read the same, and each with an end."""

import secrets
from typing import cast

import redis.asyncio

from simulcast.store.topology import Topology

PERIOD_S = 3600


class LinkKeys:
    """The keys of one service, one for each hour in which links end. Another service on the same Redis has others."""

    def __init__(self, servers: Topology) -> None:
        """Does not own `servers`."""
        self._servers = servers

    async def read(self, ends_at: int) -> bytes:
        """Return the key of links that end then, in seconds since 1970. Raises BrokerUnavailable.

        Nothing is kept here: where a failover lost the key, all front-ends agree on the next one.
        """
        names = self._servers.names()
        name = names.link_key(ends_at // PERIOD_S)

        async def call(client: redis.asyncio.Redis) -> bytes:
            known = cast(bytes | None, await client.get(name))
            if known is not None:
                return known
            key = secrets.token_hex(32).encode()
            # Links are made shortly before their hour, or in it.
            first = await client.set(name, key, ex=2 * PERIOD_S, nx=True, get=True)
            return key if first is None else cast(bytes, first)

        return await self._servers.read(names.channel, "read the key of links", call)
