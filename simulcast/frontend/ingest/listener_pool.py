"""A listener for each server that serves channels followed here: a shard that is away silences only its own channels.

Where one server serves all channels there is one listener. Which server serves a channel is looked at when it is first
followed and at the beginning of each session: whatever ends a session (a failover, a slot that moved) sorts them anew.
"""

import asyncio
from collections.abc import Callable, Sequence

import redis
import redis.asyncio

from simulcast.broker import Broker, Head
from simulcast.cancellation import cancel_and_wait
from simulcast.frontend.fanout.counters import Counters
from simulcast.frontend.fanout.feed import Feed
from simulcast.frontend.ingest.listener import Listener
from simulcast.store.topology import Topology


class ListenerPool:
    """What `Channels` follows them by. A listener ends when nothing is left for it to follow."""

    def __init__(self, broker: Broker, servers: Topology, tally: Counters) -> None:
        self._broker = broker
        self._servers = servers
        self._tally = tally
        self._listeners: list[Listener] = []
        self._of: dict[str, Listener] = {}  # by channel
        self._kept = ""
        self._tasks: set[asyncio.Task[None]] = set()
        self._died: asyncio.Future[None] | None = None  # while `run` runs

    def add(self, channel: str, feed: Feed) -> Listener:
        """The channel that is followed for good, before `run`. Raises ValueError for what is no channel's name."""
        self._kept = channel
        self._of[channel] = self._new()
        self._of[channel].add(channel, feed)
        return self._of[channel]

    def not_ready(self) -> str | None:
        """Why events of the channel that is followed for good don't arrive now, or None while they do."""
        return self._of[self._kept].not_ready()

    async def follow(self, channel: str, feed: Feed) -> None:
        """Returns once the feed has started. Raises TimeoutError while Redis is away."""
        if channel not in self._of:
            found = await self._listener_for(channel)
            self._of.setdefault(channel, found)
        await self._of[channel].follow(channel, feed)

    async def leave(self, channel: str) -> None:
        """Lets the channel go."""
        await self._of.pop(channel).leave(channel)

    async def catch_up(self, channels: Sequence[str], unless: Callable[[], bool]) -> list[Head]:
        """As `Listener.catch_up`, for channels that one server serves."""
        return await self._of.get(channels[0], self._of[self._kept]).poll_now(channels, unless)

    async def run(self) -> None:
        """Listens until cancelled. Raises what a listener died of."""
        self._died = asyncio.get_running_loop().create_future()
        try:
            for listener in self._listeners:
                self._start(listener)
            await self._died
        finally:
            await cancel_and_wait(self._tasks)

    async def _listener_for(self, channel: str) -> Listener:
        kept = self._of[self._kept]
        if not self._servers.apart:
            return kept
        try:
            client = await self._servers.client_for(channel)
        except redis.RedisError:
            return kept  # its next session sorts it
        return self._at(client) or self._new(client)

    def _at(self, client: redis.asyncio.Redis) -> Listener | None:
        return next((listener for listener in self._listeners if listener.client is client), None)

    def _new(self, client: redis.asyncio.Redis | None = None) -> Listener:
        listener = Listener(self._broker, self._servers, self._tally, self._reassign)
        listener.client = client
        self._listeners.append(listener)
        self._start(listener)
        return listener

    async def _reassign(self, listener: Listener) -> redis.asyncio.Redis | None:
        """The server that it listens to from now on; what others serve is handed to their listeners."""
        here: redis.asyncio.Redis | None = None
        for channel in listener.channels:
            client = await self._servers.client_for(channel)
            other = self._at(client)
            if here is None and other in (None, listener):
                listener.client = here = client
            elif client is not here and (followed := listener.release(channel)) is not None:
                self._of[channel] = other = other or self._new(client)
                await other.subscribe(followed)
        return here

    def _start(self, listener: Listener) -> None:
        if self._died is not None:
            task = asyncio.create_task(self._run(listener), name="listener")
            self._tasks.add(task)
            task.add_done_callback(self._ended)

    async def _run(self, listener: Listener) -> None:
        await listener.run()
        self._listeners.remove(listener)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None and self._died is not None and not self._died.done():
            self._died.set_exception(error)
