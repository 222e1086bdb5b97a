"""The server that serves a channel now, and a client of it.

All keys of a channel lie in one slot, so one server serves a channel, in a cluster too. It is discovered every few
seconds, and after a failed call before the next one. A call is never redirected or repeated here: only its caller knows
whether it may be executed twice.
"""

import asyncio
import logging
import time
from abc import abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence, Set
from contextlib import asynccontextmanager
from typing import TypeVar

import redis
import redis.asyncio

from simulcast.model.channel import DEFAULT_CHANNEL, ChannelNames, name_prefix
from simulcast.store import functions
from simulcast.store.connection import connect
from simulcast.store.replies import is_unavailable
from simulcast.store.url import Address, Server, redacted_url

DISCOVERY_INTERVAL_S = 2.0  # so a replaced master that is cut off from all others gets calls for no longer
MAX_DISCOVERY_AGE_S = 6.0  # after a longer quiet time a call waits for discovery: another server may serve by now
DISCOVERY_RETRY_S = 0.1  # at least, after a failure
DISCOVERY_TIMEOUT_S = 1.0

_log = logging.getLogger("simulcast.topology")

T = TypeVar("T")


class Topology:
    """One server, which serves every channel."""

    is_sharded = False  # true if channels may have different servers
    is_replicated = False  # true once a replica is known that may become master
    subscribe_reply = b"subscribe"  # the kind of reply that confirms a subscription

    def __init__(self, client: redis.asyncio.Redis, prefix: str = name_prefix()) -> None:
        self._client = client
        self._prefix = prefix

    def names(self, channel: str = DEFAULT_CHANNEL) -> ChannelNames:
        """Return the channel's names here. Raises ValueError for an invalid channel."""
        return ChannelNames(channel, self._prefix)

    async def client_for(self, channel: str) -> redis.asyncio.Redis:
        """Return a client of the channel's server. Raises redis.ConnectionError if no server is known."""
        return self._client

    async def all_clients(self) -> Sequence[redis.asyncio.Redis]:
        """Return a client of each server that serves channels. Raises as `client_for`."""
        return [self._client]

    def server_counts(self) -> tuple[int, int]:
        """Count the known servers that serve channels, and those that answer discovery."""
        return 1, 0

    def invalidate(self) -> None:
        """Discover before the next call: one failed as if another server were master now."""

    @asynccontextmanager
    async def translating_errors(self, action: str) -> AsyncIterator[None]:
        """Raise BrokerUnavailable for errors of redis-py. `action` completes "could not …"."""
        try:
            yield
        except redis.RedisError as error:
            if is_unavailable(error):
                self.invalidate()
            raise functions.translate_error(error, action) from error

    @asynccontextmanager
    async def client_at(self, channel: str, action: str) -> AsyncIterator[redis.asyncio.Redis]:
        """Yield the channel's client, with errors as in `translating_errors`."""
        async with self.translating_errors(action):
            yield await self.client_for(channel)

    async def read(self, channel: str, action: str, operation: Callable[[redis.asyncio.Redis], Awaitable[T]]) -> T:
        """Return the result of an operation that may be executed twice. `action` completes "could not …".

        After a quiet time a call may meet a replaced server or a closed connection, so it discovers again and repeats
        the operation once. Raises BrokerUnavailable.
        """
        async with self.translating_errors(action):
            try:
                return await operation(await self.client_for(channel))
            except redis.RedisError as error:
                if not is_unavailable(error):
                    raise
                self.invalidate()
            return await operation(await self.client_for(channel))

    async def aclose(self) -> None:
        """Close all connections; a later call opens new ones."""
        await self._client.aclose()


class DiscoveredTopology(Topology):
    """Redis servers found by asking a Sentinel or a cluster node; while none answers, the last result holds."""

    def __init__(self, address: Address, max_connections: int) -> None:
        """`max_connections`: to each server."""
        self._address = address
        self._prefix = address.prefix
        self._max_connections = max_connections
        self._clients: dict[Server, redis.asyncio.Redis] = {}
        self._discovery_clients: dict[Server, redis.asyncio.Redis] = {}
        self._refresh_task: asyncio.Task[None] | None = None
        self._refreshed_at = float("-inf")
        self._is_stale = True
        self._error = "no server was discovered yet"

    @abstractmethod
    async def _discover(self) -> None:
        """Discover the servers. Raises redis.RedisError."""

    @abstractmethod
    def _server_for(self, channel: str) -> Server | None:
        """Return the last known server of the channel."""

    @abstractmethod
    def _data_servers(self) -> Set[Server]:
        """Return all servers that serve a channel."""

    @abstractmethod
    def _discovery_nodes(self) -> Collection[Server]:
        """Return the servers that answer discovery."""

    @abstractmethod
    def _discovery_url(self, member: Server) -> str:
        """Return the URL for discovery at one of them."""

    async def client_for(self, channel: str) -> redis.asyncio.Redis:
        await self._keep_current()
        return self._client_of(self._server_for(channel))

    async def all_clients(self) -> Sequence[redis.asyncio.Redis]:
        await self._keep_current()
        return [self._client_of(server) for server in self._data_servers()] or [self._client_of(None)]

    async def _keep_current(self) -> None:
        age_s = time.monotonic() - self._refreshed_at
        if age_s > (DISCOVERY_RETRY_S if self._is_stale else DISCOVERY_INTERVAL_S):
            if self._refresh_task is None or self._refresh_task.done():
                self._refresh_task = asyncio.create_task(self._refresh(), name="simulcast-topology")
            if self._is_stale or age_s > MAX_DISCOVERY_AGE_S:
                await asyncio.shield(self._refresh_task)

    def _client_of(self, server: Server | None) -> redis.asyncio.Redis:
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
        self._is_stale = False  # `invalidate` may be called meanwhile
        try:
            await self._discover()
        except (redis.RedisError, OSError) as error:
            self._is_stale = True
            self._error = f"{redacted_url(self._address.url)} names no server: {error}"
            _log.warning("%s", self._error)
        self._refreshed_at = time.monotonic()
        replaced = self._clients.keys() - self._data_servers()
        for client in [self._clients.pop(server) for server in replaced]:
            try:
                await client.aclose()
            except (redis.RedisError, OSError) as error:
                _log.info("a connection to a server that was replaced is not closed: %s", error)

    def _discovery_client(self, member: Server) -> redis.asyncio.Redis:
        client = self._discovery_clients.get(member)
        if client is None:
            client = self._discovery_clients[member] = connect(self._discovery_url(member), max_connections=1)
        return client
