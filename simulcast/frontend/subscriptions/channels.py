"""Channels with clients here: each is subscribed to with its first client and released after its last."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import contextmanager

from simulcast.containment import contain_errors
from simulcast.frontend.fanout.backlog import Backlog, SliceCache
from simulcast.frontend.fanout.counters import Counters
from simulcast.frontend.fanout.feed import Feed
from simulcast.frontend.fanout.hub import FLUSH_BACKOFF_FACTOR, LATENCY_FIRST_FACTOR, Hub
from simulcast.frontend.fanout.log import Log
from simulcast.frontend.fanout.memory import MemoryPool
from simulcast.frontend.fanout.snapshot import ChannelSnapshot
from simulcast.frontend.fanout.view import View
from simulcast.frontend.ingest.due_flushes import DueFlushes
from simulcast.frontend.ingest.listener_pool import ListenerPool
from simulcast.model.channel import ChannelNames
from simulcast.model.events import SILENT_TTL_S

IDLE_CHANNEL_TTL_S = 30.0  # how long a channel without clients is kept, for clients that reconnect
MAX_CHANNELS_PER_PROCESS = 10_000
MAX_CHANNELS_PER_ADDRESS = 2_500  # that its clients were the first to name, while they are followed
MAX_LOG_BYTES = 48 * 1024 * 1024  # of all channels, with Python's objects
MAX_SNAPSHOT_BYTES = 64 * 1024 * 1024  # likewise: the rest of 300 MB is for clients
MAX_SEEN_BYTES = 32 * 1024 * 1024  # of changes of state that are known, likewise
MAX_CONCURRENT_READS = 8
CHANNELS_PER_TURN = 50  # of the loop, in what is done for all channels in turn


class TooManyChannels(Exception):
    """This front-end, or a client's address, has its maximum of channels."""


class Channels:
    """Feeds by channel, and the hubs of their views."""

    def __init__(
        self,
        permanent: str,
        listeners: ListenerPool,
        flushes: DueFlushes,
        counters: Counters,
        silent_ttl_s: int = SILENT_TTL_S,
        latency_first: bool = False,
    ) -> None:
        """`permanent`: the channel that is followed even without clients. `silent_ttl_s`: as in `Feed`.

        `latency_first`: hubs rest shortly after a flush.
        """
        self._permanent = permanent
        self._silent_ttl_s = silent_ttl_s
        self._backoff_factor = LATENCY_FIRST_FACTOR if latency_first else FLUSH_BACKOFF_FACTOR
        self._listeners = listeners
        self._flushes = flushes
        self.counters, self.now = counters, counters.clock
        self._idle_since: dict[str, float] = {}
        self._addresses: dict[str, str] = {}  # of the client that was the first to name it, by channel
        self._pins: dict[str, int] = {}  # clients that follow or join it, by channel
        # A crowd that recovers must not take all connections.
        self.history_reads = asyncio.Semaphore(MAX_CONCURRENT_READS)
        self._logs, self._snapshots = MemoryPool(MAX_LOG_BYTES), MemoryPool(MAX_SNAPSHOT_BYTES)
        self._seen = MemoryPool(MAX_SEEN_BYTES)
        self.slices = SliceCache()
        self._feeds = {permanent: self._new_feed(permanent)}
        listeners.add(permanent, self._feeds[permanent])

    def _new_feed(self, channel: str) -> Feed:
        log, snapshot = Log(pool=self._logs), ChannelSnapshot(self.now, self._snapshots)
        hub = self._new_hub(Backlog(log, snapshot, self.slices, self.now), View(channel))
        return Feed(hub, self._seen, self._silent_ttl_s)

    def _new_hub(self, backlog: Backlog, view: View) -> Hub:
        return Hub(backlog, self._flushes.clock, self._flushes.call_at, self.counters, view, self._backoff_factor)

    @property
    def feeds(self) -> dict[str, Feed]:
        """The feeds of the followed channels."""
        return self._feeds

    @property
    def clients(self) -> int:
        """The number of clients; a client of two channels counts twice."""
        return sum(clients for _, clients, _ in self.client_counts())

    def client_counts(self) -> list[tuple[str, int, int]]:
        """Return each channel, its number of clients, and how many of them are not current."""
        return [(channel, *feed.client_counts()) for channel, feed in self._feeds.items()]

    async def follow(self, channel: str, address: str = "") -> Feed:
        """Return the channel's feed, started. It stays while it is pinned. `address`: that of the client, if limited.

        Raises ValueError for an invalid name, TooManyChannels, TimeoutError while Redis is away.
        """
        feed = self._feeds.get(channel)
        if feed is None:
            if len(self._feeds) >= MAX_CHANNELS_PER_PROCESS:
                raise TooManyChannels(f"this front-end follows {MAX_CHANNELS_PER_PROCESS:,} channels, its maximum")
            if address and list(self._addresses.values()).count(address) >= MAX_CHANNELS_PER_ADDRESS:
                raise TooManyChannels(
                    f"{address} was the first to name {MAX_CHANNELS_PER_ADDRESS:,} channels here: leave some before"
                )
            ChannelNames(channel)  # raises for an invalid name
            if address:
                self._addresses[channel] = address
            feed = self._feeds[channel] = self._new_feed(channel)
        await self._listeners.follow(channel, feed)
        return feed

    def started_feed(self, channel: str) -> Feed | None:
        """Return the channel's feed, if the channel is followed here and has started."""
        feed = self._feeds.get(channel)
        return None if feed is None or feed.position is None else feed

    async def follow_all(self, channels: Iterable[str], address: str = "") -> None:
        """Start the channels together, as `follow` does one: they share round trips. Raises the first error of it.

        Where all have started, the loop gets no turn: an event that comes next would miss the client that joins.
        """
        waiting = [channel for channel in channels if self.started_feed(channel) is None]
        if not waiting:
            return
        try:
            async with asyncio.TaskGroup() as group:
                for channel in waiting:
                    group.create_task(self.follow(channel, address), name=f"follow {channel}")
        except BaseExceptionGroup as errors:
            raise errors.exceptions[0] from None

    @contextmanager
    def pin(self, channel: str) -> Iterator[None]:
        """Keep the channel while a client joins or follows it."""
        self.hold(channel)
        try:
            yield
        finally:
            self.release(channel)

    def hold(self, channel: str) -> None:
        """Keep the channel until `release`, which is called once for each call of this."""
        self._pins[channel] = self._pins.get(channel, 0) + 1

    def release(self, channel: str) -> None:
        """End one `hold`."""
        self._pins[channel] -= 1
        if not self._pins[channel]:
            del self._pins[channel]

    def hub(self, feed: Feed, view: View) -> Hub:
        """Return the hub of that view; the first client's call makes it."""
        if view == feed.hub.view:
            return feed.hub
        hub = feed.views.get(view)
        if hub is None:
            hub = self._new_hub(feed.backlog, view)
            feed.add_view(view, hub)
        return hub

    async def publish_position_marks(self) -> None:
        """Send position marks to the clients that take them."""
        async for channel, feed in self._each():
            with contain_errors(f"the position mark of {channel}"):
                feed.publish_position_marks()

    async def sweep(self) -> None:
        """Drop views without clients, and leave channels that had none for IDLE_CHANNEL_TTL_S."""
        async for channel, feed in self._each():
            with contain_errors(f"the sweep of {channel}"):
                await self._sweep(channel, feed)

    async def _each(self) -> AsyncIterator[tuple[str, Feed]]:
        """Yield the channels that are followed now, and let the loop have turns between them."""
        for number, (channel, feed) in enumerate(list(self._feeds.items()), 1):
            if self._feeds.get(channel) is feed:
                yield channel, feed
            if number % CHANNELS_PER_TURN == 0:
                await asyncio.sleep(0)

    async def _sweep(self, channel: str, feed: Feed) -> None:
        for view in [view for view, hub in feed.views.items() if not hub.clients]:
            feed.drop_view(view)
        if channel == self._permanent or channel in self._pins:
            self._idle_since.pop(channel, None)
        elif self.now() - self._idle_since.setdefault(channel, self.now()) > IDLE_CHANNEL_TTL_S:
            del self._feeds[channel], self._idle_since[channel]
            self._addresses.pop(channel, None)
            feed.close()
            await self._listeners.leave(channel)
