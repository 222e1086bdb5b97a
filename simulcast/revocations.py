"""Revoked tokens, in Redis: by the token's id (`jti`), or by its user (`sub`). Each revocation has an end."""

import secrets
from dataclasses import dataclass
from typing import cast

import redis.asyncio

from simulcast.broker import Broker
from simulcast.model.revocation import REVOKED_S
from simulcast.store import functions
from simulcast.store.functions import Argument
from simulcast.store.sender import PUBLISH_TIMEOUT_S
from simulcast.store.topology import Topology


@dataclass(frozen=True, slots=True)
class Revoked:
    """`ends_in_s`: time until each revocation ends, by name; None where nothing has changed since `version`."""

    version: str
    ends_in_s: dict[str, float] | None


class RevocationStore:
    """The revocations of one service. Both methods raise BrokerUnavailable."""

    def __init__(self, servers: Topology, broker: Broker) -> None:
        self._servers = servers
        self._broker = broker
        self._names = broker.names()

    async def revoke(self, name: str, for_s: float = REVOKED_S) -> None:
        """Refuse the tokens of that name for so long, from now on; a shorter time than before counts, too.

        A server that takes over gets the call again.
        """
        args: list[Argument] = [name, round(for_s * 1000), secrets.token_hex(8)]
        call = functions.fcall("revoke", self._names.revocation_keys, args)
        await self._broker.sender().execute("revoke a token", call, timeout_s=PUBLISH_TIMEOUT_S, retain=True)

    async def read(self, known: str) -> Revoked:
        """Return the revocations, unless `known` is still their version."""

        async def call(client: redis.asyncio.Redis) -> object:
            return await functions.call(client, "revocations", self._names.revocation_keys, [known])

        reply = await self._servers.read(self._names.channel, "read the revoked tokens", call)
        version, *pairs = (text.decode() for text in cast(list[bytes], reply))
        if version == known:
            return Revoked(version, None)
        return Revoked(version, {name: int(ms) / 1000 for name, ms in zip(pairs[::2], pairs[1::2], strict=True)})
