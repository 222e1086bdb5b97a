"""A listener for each server that serves followed channels: a shard that is away silences only its own channels.

If one server serves all channels there is one listener. The server of a channel is looked up when it is first followed
and at the beginning of each session: a failover or a moved slot ends a session, and the next one assigns it again.
"""

import asyncio

import redis
import redis.asyncio

from simulcast import tracing
from simulcast.broker import Broker
from simulcast.cancellation import cancel_and_wait
from simulcast.frontend.fanout.counters import Counters
from simulcast.frontend.fanout.feed import Feed
from simulcast.frontend.ingest.listener import Flush, Listener
from simulcast.frontend.ingest.traced_listener import TracedListener
from simulcast.store.topology import Topology


class ListenerPool:
    """The listeners by channel. A listener ends when it has no channel left."""

    def __init__(self, broker: Broker, servers: Topology, counters: Counters, flush: Flush) -> None:
        """`flush`: as in `Listener`."""
        self._broker = broker
        self._servers = servers
        self._counters = counters
        self._flush = flush
        self._listeners: list[Listener] = []
        self._by_channel: dict[str, Listener] = {}
        self._permanent_channel = ""
        self._tasks: set[asyncio.Task[None]] = set()
        self._failed: asyncio.Future[None] | None = None  # while `run` runs

    def add(self, channel: str, feed: Feed) -> Listener:
        """Follow the permanent channel; call before `run`. Raises ValueError for an invalid name."""
        self._permanent_channel = channel
        self._by_channel[channel] = self._add_listener()
        self._by_channel[channel].add(channel, feed)
        return self._by_channel[channel]

    def not_ready(self) -> str | None:
        """Return why events of the permanent channel don't arrive now; None while they do."""
        return self._by_channel[self._permanent_channel].not_ready()

    async def follow(self, channel: str, feed: Feed) -> None:
        """Subscribe, and return once the feed has started. Raises TimeoutError while Redis is away."""
        if channel not in self._by_channel:
            listener = await self._listener_for(channel)
            self._by_channel.setdefault(channel, listener)
        await self._by_channel[channel].follow(channel, feed)

    async def leave(self, channel: str) -> None:
        """Unsubscribe from the channel. Harmless if its first look-up has failed."""
        if (listener := self._by_channel.pop(channel, None)) is not None:
            await listener.leave(channel)

    async def catch_up(self, channel: str) -> None:
        """Return when the channel's feed is where Redis was after this call. Raises BrokerUnavailable."""
        await self._by_channel.get(channel, self._by_channel[self._permanent_channel]).catch_up(channel)

    async def run(self) -> None:
        """Listen until cancelled. Raises the error that ended a listener."""
        self._failed = asyncio.get_running_loop().create_future()
        try:
            for listener in self._listeners:
                self._start(listener)
            await self._failed
        finally:
            await cancel_and_wait(self._tasks)

    async def _listener_for(self, channel: str) -> Listener:
        permanent = self._by_channel[self._permanent_channel]
        if not self._servers.is_sharded:
            return permanent
        try:
            client = await self._servers.client_for(channel)
        except redis.RedisError:
            return permanent  # its next session reassigns the channel
        return self._listener_at(client) or self._add_listener(client)

    def _listener_at(self, client: redis.asyncio.Redis) -> Listener | None:
        return next((listener for listener in self._listeners if listener.client is client), None)

    def _add_listener(self, client: redis.asyncio.Redis | None = None) -> Listener:
        kind = TracedListener if tracing.is_enabled() else Listener
        listener = kind(self._broker, self._servers, self._counters, self._flush, self._reassign)
        listener.client = client
        self._listeners.append(listener)
        self._start(listener)
        return listener

    async def _reassign(self, listener: Listener) -> redis.asyncio.Redis | None:
        """Hand channels of other servers to their listeners; return the listener's own server, or None."""
        own: redis.asyncio.Redis | None = None
        for channel in listener.channels:
            client = await self._servers.client_for(channel)
            other = self._listener_at(client)
            if own is None and other in (None, listener):
                listener.client = own = client
            elif client is not own and (subscription := listener.release(channel)) is not None:
                self._by_channel[channel] = other = other or self._add_listener(client)
                other.subscribe(subscription)
        return own

    def _start(self, listener: Listener) -> None:
        if self._failed is not None:
            task = asyncio.create_task(self._run(listener), name="listener")
            self._tasks.add(task)
            task.add_done_callback(self._on_task_done)

    async def _run(self, listener: Listener) -> None:
        await listener.run()
        self._listeners.remove(listener)

    def _on_task_done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None and self._failed is not None and not self._failed.done():
            self._failed.set_exception(error)
