"""Which server serves a channel now, and a client of it.

All that belongs to a channel lies in one slot, so even in a cluster a single server serves a channel as a whole. Who it
is is asked every few seconds, and once a call has failed before the next one. Calls are never sent on behind the
caller's back: whoever called knows whether it may be done twice.
"""

import asyncio
import logging
import time
from abc import abstractmethod
from collections.abc import AsyncIterator, Collection, Iterable, Set
from contextlib import asynccontextmanager

import redis
import redis.asyncio
from redis.asyncio.client import PubSub

from simulcast.store import functions
from simulcast.store.connection import connect
from simulcast.store.url import Address, Server, redacted_url

DISCOVERY_INTERVAL_S = 2.0  # how long a server that is cut off from all others is believed to serve
DISCOVERY_RETRY_S = 0.1  # after a failure it is asked again no sooner
DISCOVERY_TIMEOUT_S = 1.0  # how long one question may take

_log = logging.getLogger("simulcast.topology")


class Topology:
    """One server, which serves every channel."""

    apart = False  # whether different servers may serve different channels
    replicated = False  # whether a replica takes over where a server fails
    confirms = b"subscribe"  # the reply to a subscription

    def __init__(self, client: redis.asyncio.Redis) -> None:
        self._client = client

    async def client_for(self, channel: str) -> redis.asyncio.Redis:
        """A client of the server that serves the channel. Raises redis.ConnectionError where it can't be found out."""
        return self._client

    def server_counts(self) -> tuple[int, int]:
        """How many servers serve channels, and how many are asked who does, as far as is known."""
        return 1, 0

    def invalidate(self) -> None:
        """A call failed as it does when another server serves now: that is asked before the next one."""

    @asynccontextmanager
    async def translating_errors(self, doing: str) -> AsyncIterator[None]:
        """What redis-py raises within comes out as BrokerUnavailable; `doing` completes "could not …"."""
        try:
            yield
        except redis.RedisError as error:
            if functions.is_unavailable(error):
                self.invalidate()
            raise functions.translate_error(error, doing) from error

    @asynccontextmanager
    async def client_at(self, channel: str, doing: str) -> AsyncIterator[redis.asyncio.Redis]:
        """As `serving`, `asking`."""
        async with self.translating_errors(doing):
            yield await self.client_for(channel)

    async def subscribe(self, pubsub: PubSub, names: Iterable[str]) -> None:
        """To Pub/Sub channels that `pubsub`'s server serves."""
        await pubsub.subscribe(*names)

    async def unsubscribe(self, pubsub: PubSub, name: str) -> None:
        """From what `subscribe` subscribed to."""
        await pubsub.unsubscribe(name)

    async def aclose(self) -> None:
        """Closes all connections; a later call opens new ones."""
        await self._client.aclose()


class DiscoveredTopology(Topology):
    """Several servers, of which others know who serves: `_discover` asks them, `_server` says what they answered.

    Those who know may be away for as long as they like: then what was known last holds.
    """

    replicated = True

    def __init__(self, address: Address, most_connections: int) -> None:
        """`most_connections`: to each server."""
        self._address = address
        self._most_connections = most_connections
        self._clients: dict[Server, redis.asyncio.Redis] = {}
        self._askers: dict[Server, redis.asyncio.Redis] = {}
        self._looking: asyncio.Task[None] | None = None
        self._looked_at = float("-inf")
        self._doubtful = True
        self._trouble = "nobody was asked yet"

    @abstractmethod
    async def _discover(self) -> None:
        """Finds out who serves. Raises redis.RedisError where nobody says."""

    @abstractmethod
    def _server(self, channel: str) -> Server | None:
        """Who serves the channel as far as is known."""

    @abstractmethod
    def _serving(self) -> Set[Server]:
        """All that serve anything."""

    @abstractmethod
    def _discovery_nodes(self) -> Collection[Server]:
        """All that may be asked."""

    @abstractmethod
    def _place(self, member: Server) -> str:
        """The address at which one of those who know is asked."""

    async def client_for(self, channel: str) -> redis.asyncio.Redis:
        if time.monotonic() - self._looked_at > (DISCOVERY_RETRY_S if self._doubtful else DISCOVERY_INTERVAL_S):
            if self._looking is None or self._looking.done():
                self._looking = asyncio.create_task(self._refresh(), name="simulcast-topology")
            if self._doubtful:
                await asyncio.shield(self._looking)
        server = self._server(channel)
        if server is None:
            raise redis.ConnectionError(self._trouble)
        client = self._clients.get(server)
        if client is None:
            client = self._clients[server] = connect(self._address.of(server), self._most_connections)
        return client

    def server_counts(self) -> tuple[int, int]:
        return max(1, len(self._serving())), len(self._discovery_nodes())

    def invalidate(self) -> None:
        self._doubtful = True

    async def aclose(self) -> None:
        if self._looking is not None and not self._looking.done():
            self._looking.cancel()
            await asyncio.wait([self._looking])
        for client in (*self._clients.values(), *self._askers.values()):
            await client.aclose()

    async def _refresh(self) -> None:
        self._doubtful = False  # unless somebody doubts while it is asked
        try:
            await self._discover()
        except (redis.RedisError, OSError) as error:
            self._doubtful = True
            self._trouble = f"{redacted_url(self._address.url)} does not say who serves: {error}"
            _log.warning("%s", self._trouble)
        self._looked_at = time.monotonic()
        gone = self._clients.keys() - self._serving()
        for client in [self._clients.pop(server) for server in gone]:
            try:
                await client.aclose()  # subscriptions there end too, and go to who serves now
            except (redis.RedisError, OSError) as error:
                _log.info("a connection to a server that was replaced is not closed: %s", error)

    def _asker(self, member: Server) -> redis.asyncio.Redis:
        client = self._askers.get(member)
        if client is None:
            client = self._askers[member] = connect(self._place(member), most_connections=1)
        return client
