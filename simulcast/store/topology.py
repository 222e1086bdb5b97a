"""Which server serves a channel now, and a client of it.

All that belongs to a channel lies in one slot, so even in a cluster a single server serves a channel as a whole. Who it
is is asked every few seconds, and once a call has failed before the next one. Calls are never sent on behind the
caller's back: whoever called knows whether it may be done twice.
"""

import asyncio
import logging
import time
from abc import abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterable, Set
from contextlib import asynccontextmanager
from typing import TypeVar

import redis
import redis.asyncio
from redis.asyncio.client import PubSub

from simulcast.store import functions
from simulcast.store.connection import connect
from simulcast.store.replies import is_unavailable
from simulcast.store.url import Address, Server, redacted_url

DISCOVERY_INTERVAL_S = 2.0  # how long a server that is cut off from all others is believed to serve
DISCOVERY_RETRY_S = 0.1  # after a failure it is asked again no sooner
DISCOVERY_TIMEOUT_S = 1.0  # how long one question may take

_log = logging.getLogger("simulcast.topology")

T = TypeVar("T")


class Topology:
    """One server, which serves every channel."""

    is_sharded = False  # whether different servers may serve different channels
    is_replicated = False  # whether a replica takes over where a server fails
    subscribe_reply = b"subscribe"  # the reply to a subscription

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
    async def translating_errors(self, action: str) -> AsyncIterator[None]:
        """What redis-py raises within comes out as BrokerUnavailable; `doing` completes "could not …"."""
        try:
            yield
        except redis.RedisError as error:
            if is_unavailable(error):
                self.invalidate()
            raise functions.translate_error(error, action) from error

    @asynccontextmanager
    async def client_at(self, channel: str, action: str) -> AsyncIterator[redis.asyncio.Redis]:
        """As `serving`, `asking`."""
        async with self.translating_errors(action):
            yield await self.client_for(channel)

    async def read(self, channel: str, action: str, operation: Callable[[redis.asyncio.Redis], Awaitable[T]]) -> T:
        """Return the result of an operation that may be done twice; `action` completes "could not …".

        A call after a quiet time is the first to learn that another server serves, or that its connection was closed
        meanwhile: then it asks which server serves and tries once more. Raises BrokerUnavailable.
        """
        async with self.translating_errors(action):
            try:
                return await operation(await self.client_for(channel))
            except redis.RedisError as error:
                if not is_unavailable(error):
                    raise
                self.invalidate()
            return await operation(await self.client_for(channel))

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

    is_replicated = True

    def __init__(self, address: Address, max_connections: int) -> None:
        """`most_connections`: to each server."""
        self._address = address
        self._max_connections = max_connections
        self._clients: dict[Server, redis.asyncio.Redis] = {}
        self._discovery_clients: dict[Server, redis.asyncio.Redis] = {}
        self._refresh_task: asyncio.Task[None] | None = None
        self._refreshed_at = float("-inf")
        self._is_stale = True
        self._error = "nobody was asked yet"

    @abstractmethod
    async def _discover(self) -> None:
        """Finds out who serves. Raises redis.RedisError where nobody says."""

    @abstractmethod
    def _server_for(self, channel: str) -> Server | None:
        """Who serves the channel as far as is known."""

    @abstractmethod
    def _data_servers(self) -> Set[Server]:
        """All that serve anything."""

    @abstractmethod
    def _discovery_nodes(self) -> Collection[Server]:
        """All that may be asked."""

    @abstractmethod
    def _discovery_url(self, member: Server) -> str:
        """The address at which one of those who know is asked."""

    async def client_for(self, channel: str) -> redis.asyncio.Redis:
        if time.monotonic() - self._refreshed_at > (DISCOVERY_RETRY_S if self._is_stale else DISCOVERY_INTERVAL_S):
            if self._refresh_task is None or self._refresh_task.done():
                self._refresh_task = asyncio.create_task(self._refresh(), name="simulcast-topology")
            if self._is_stale:
                await asyncio.shield(self._refresh_task)
        server = self._server_for(channel)
        if server is None:
            raise redis.ConnectionError(self._error)
        client = self._clients.get(server)
        if client is None:
            client = self._clients[server] = connect(self._address.url_for(server), self._max_connections)
        return client

    def server_counts(self) -> tuple[int, int]:
        return max(1, len(self._data_servers())), len(self._discovery_nodes())

    def invalidate(self) -> None:
        self._is_stale = True

    async def aclose(self) -> None:
        if self._refresh_task is not None and not self._refresh_task.done():
            self._refresh_task.cancel()
            await asyncio.wait([self._refresh_task])
        for client in (*self._clients.values(), *self._discovery_clients.values()):
            await client.aclose()

    async def _refresh(self) -> None:
        self._is_stale = False  # unless somebody doubts while it is asked
        try:
            await self._discover()
        except (redis.RedisError, OSError) as error:
            self._is_stale = True
            self._error = f"{redacted_url(self._address.url)} does not say who serves: {error}"
            _log.warning("%s", self._error)
        self._refreshed_at = time.monotonic()
        gone = self._clients.keys() - self._data_servers()
        for client in [self._clients.pop(server) for server in gone]:
            try:
                await client.aclose()  # subscriptions there end too, and go to who serves now
            except (redis.RedisError, OSError) as error:
                _log.info("a connection to a server that was replaced is not closed: %s", error)

    def _discovery_client(self, member: Server) -> redis.asyncio.Redis:
        client = self._discovery_clients.get(member)
        if client is None:
            client = self._discovery_clients[member] = connect(self._discovery_url(member), max_connections=1)
        return client
