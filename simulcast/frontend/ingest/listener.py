"""The process's one subscription to a server, and the poll that finds what it missed.

Once a second, and after every subscribing, the heads of the channels are asked: a lost tail shows, a new epoch shows,
and a channel that is deaf shows (Redis answers, and yet its publications don't arrive). The same poll is readiness.
"""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Sequence

import redis
import redis.asyncio
from redis.asyncio.client import PubSub

from simulcast.broker import Broker, Head
from simulcast.cancellation import is_cancelling
from simulcast.errors import BrokerUnavailable, InvalidEvent
from simulcast.frontend.fanout.counters import Counters
from simulcast.frontend.fanout.feed import Feed, Outcome
from simulcast.frontend.ingest.backfill import Backfill
from simulcast.frontend.ingest.reader import PublicReader, SubscriptionReader, open_reader
from simulcast.frontend.ingest.subscription import Subscription
from simulcast.model.channel import ChannelNames
from simulcast.model.events import MAX_EVENT_BYTES, encode_external
from simulcast.model.publication import from_message
from simulcast.store.topology import Topology

POLL_INTERVAL_S = 1.0
POLL_TIMEOUT_S = 1.5
READY_MAX_AGE_S = 2.5  # readiness ends when the last good poll is older
BACKFILL_TIMEOUT_S = 10.0
START_TIMEOUT_S = 5.0
MAX_MESSAGES_PER_TICK = 2048  # messages taken before the loop gets a turn

_log = logging.getLogger("simulcast.listener")


class SubscriptionStalled(BrokerUnavailable):
    """Redis answers, but what is published does not arrive."""


Reassign = Callable[["Listener"], Awaitable[redis.asyncio.Redis | None]]


class Listener:
    """Keeps the feeds up to date from the moment `run` starts, through every loss of Redis."""

    def __init__(self, broker: Broker, servers: Topology, counters: Counters, reassign: Reassign) -> None:
        """`sort`: says where to listen, once it has released what others serve; None where nothing is left."""
        self._broker = broker
        self._backfill = Backfill(broker)
        self._servers = servers
        self._reassign = reassign
        self.client: redis.asyncio.Redis | None = None  # of the server that it listens to
        self._counters, self._clock = counters, counters.clock
        self._subscriptions: dict[str, Subscription] = {}  # by channel
        self._by_name: dict[bytes, Subscription] = {}  # by the name of its Pub/Sub channel
        self._pubsub: PubSub | None = None
        self._poll_lock = asyncio.Lock()
        self._polled_at = float("-inf")
        self._failure = "Redis was not reached yet"

    def not_ready(self) -> str | None:
        """Why events don't arrive now, or None while they do."""
        if self._failure:
            return self._failure
        age = self._clock() - self._polled_at
        return f"Redis was last heard {age:.1f} s ago" if age > READY_MAX_AGE_S else None

    @property
    def channels(self) -> list[str]:
        return list(self._subscriptions)

    async def follow(self, channel: str, feed: Feed) -> None:
        """Returns once the feed has started. Raises TimeoutError while Redis is away."""
        subscription = self._subscriptions.get(channel)
        if subscription is None:
            subscription = Subscription(feed, ChannelNames(channel))
            await self.subscribe(subscription)
        async with asyncio.timeout(START_TIMEOUT_S):
            await subscription.started.wait()

    def add(self, channel: str, feed: Feed) -> None:
        """The next session subscribes to it. Raises ValueError for what is no channel's name."""
        self._track(Subscription(feed, ChannelNames(channel)))

    async def subscribe(self, subscription: Subscription) -> None:
        """Subscribes to it, or the next session does."""
        self._track(subscription)
        if self._pubsub is not None:
            try:
                await self._servers.subscribe(self._pubsub, [subscription.names.pubsub])
            except (redis.RedisError, OSError) as error:
                _log.info("the next session subscribes to %s: %s", subscription.names.channel, error)

    def release(self, channel: str) -> Subscription | None:
        """Forgets the channel, before a session: another listener adopts it. None where it has left."""
        if subscription := self._subscriptions.pop(channel, None):
            del self._by_name[subscription.names.pubsub.encode()]
        return subscription

    def _track(self, subscription: Subscription) -> None:
        subscription.renew()
        self._subscriptions[subscription.names.channel] = subscription
        self._by_name[subscription.names.pubsub.encode()] = subscription

    async def leave(self, channel: str) -> None:
        """Lets the channel go."""
        if (subscription := self.release(channel)) and self._pubsub is not None:
            try:
                await self._servers.unsubscribe(self._pubsub, subscription.names.pubsub)
            except (redis.RedisError, OSError) as error:
                _log.info("not unsubscribed from %s: %s", channel, error)

    async def run(self) -> None:
        """Listens while anything is followed. Whatever ends a session is met with another one."""
        delay = 0.1
        while self._subscriptions:
            try:
                await self._session()
            except* (BrokerUnavailable, redis.RedisError, OSError, TimeoutError) as errors:
                self._counters.reconnects += not self._failure
                delay = min(delay * 2, 2.0) if self._failure else 0.1
                self._failure = _describe(errors)
                self._servers.invalidate()
                _log.warning("no events: %s", self._failure)
            await asyncio.sleep(delay * random.uniform(0.5, 1.0))  # noqa: S311

    async def poll_now(self, channels: Sequence[str], unless: Callable[[], bool] = lambda: False) -> list[Head]:
        """Asks where the channels are and takes what is missing. Raises BrokerUnavailable, TimeoutError.

        `unless`: whether somebody else has seen to it meanwhile; then nothing is asked.
        """
        async with asyncio.timeout(BACKFILL_TIMEOUT_S), self._poll_lock:
            if unless():
                return []
            async with asyncio.timeout(POLL_TIMEOUT_S):
                heads = await self._broker.heads(channels)
            for channel, head in zip(channels, heads, strict=True):
                if subscription := self._subscriptions.get(channel):
                    await self._backfill.reconcile(subscription.names.channel, subscription.feed, head)
        return heads

    async def _session(self) -> None:
        if (client := await self._reassign(self)) is None:
            return
        pubsub = client.pubsub()
        try:
            for subscription in self._subscriptions.values():
                subscription.renew()
            asked: set[str] = set()
            while new := {subscription.names.pubsub for subscription in self._subscriptions.values()} - asked:
                async with asyncio.timeout(POLL_TIMEOUT_S):
                    await self._servers.subscribe(pubsub, new)
                asked |= new
            self._pubsub = pubsub  # from here on `follow` asks by itself
            async with asyncio.TaskGroup() as group:
                group.create_task(self._poll(client), name="poll")
                group.create_task(self._read(open_reader(pubsub)), name="read")
        finally:
            self._pubsub = None
            await pubsub.aclose()

    async def _poll(self, client: redis.asyncio.Redis) -> None:
        while not is_cancelling():
            await asyncio.sleep(POLL_INTERVAL_S)
            channels = [
                name for name, subscription in self._subscriptions.items() if subscription.subscribed_at is not None
            ]
            if not channels:
                continue
            if await self._servers.client_for(channels[0]) is not client:
                raise BrokerUnavailable("another server has taken over")
            for channel, head in zip(channels, await self.poll_now(channels), strict=True):
                subscription = self._subscriptions.get(channel)
                if subscription is not None and subscription.is_stalled(head):
                    raise SubscriptionStalled(f"what is published to {channel} does not arrive, though Redis answers")
            self._polled_at = self._clock()

    async def _read(self, reader: SubscriptionReader | PublicReader) -> None:
        while not is_cancelling():
            for kind, name, data in await reader.next():
                if kind in (b"message", b"smessage"):
                    if subscription := self._by_name.get(name):
                        await self._handle_message(subscription, data)
                elif kind == self._servers.confirms:
                    await self._confirm(name)
                elif kind == b"sunsubscribe" and name in self._by_name:
                    raise BrokerUnavailable(f"another server has taken over {name.decode()}")
                self._counters.received += 1
                if self._counters.received % MAX_MESSAGES_PER_TICK == 0:
                    await asyncio.sleep(0)

    async def _confirm(self, name: bytes) -> None:
        """A subscription is confirmed: all from here on comes. What was before is taken for all new ones at once."""
        if (subscription := self._by_name.get(name)) is None:
            return
        subscription.confirmed = True
        if not all(each.confirmed for each in self._subscriptions.values()):
            return  # theirs come next, and the last one serves all
        begun = [channel for channel, each in self._subscriptions.items() if each.subscribed_at is None]
        for channel, head in zip(begun, await self.poll_now(begun), strict=True):
            if each := self._subscriptions.get(channel):
                each.begin(head)
                each.started.set()
        self._polled_at, self._failure = self._clock(), ""
        _log.info("listening to %d channels", len(self._subscriptions))

    async def _handle_message(self, followed: Subscription, data: bytes) -> None:
        found = from_message(data)
        feed, channel = followed.feed, followed.names.channel
        if found is None:
            self._handle_external(followed, data)
            return
        tag, publication = found
        if tag != feed.tag and not feed.is_known_tag(tag):
            await self.poll_now([channel])
        if tag != feed.tag:  # of an epoch that is over, and taken from its history; or it only looks like ours
            if not feed.is_known_tag(tag):
                self._counters.rejected += 1
                _log.warning("left out what was published to %s as if by a broker", channel)
            return
        followed.last_live_offset = max(followed.last_live_offset, publication.position.offset)
        if feed.accept(publication) in (Outcome.GAP, Outcome.OTHER_EPOCH):
            await self.poll_now([channel])
            feed.accept(publication)

    def _handle_external(self, followed: Subscription, data: bytes) -> None:
        try:
            if len(data) > MAX_EVENT_BYTES:
                raise InvalidEvent(f"it has {len(data):,} bytes")
            followed.feed.accept_external(encode_external(data.decode("utf-8", "replace")))
        except InvalidEvent as error:
            self._counters.rejected += 1
            _log.warning("left out what was published to %s past the brokers: %s", followed.names.pubsub, error)


def _describe(error: BaseException) -> str:
    if isinstance(error, BaseExceptionGroup):
        return "; ".join(_describe(each) for each in error.exceptions)
    if isinstance(error, BrokerUnavailable):
        return str(error)
    return f"Redis does not answer ({error or type(error).__name__})"
