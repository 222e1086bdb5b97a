"""The process's one subscription to a server, and the poll that finds missed publications.

Once a second, and after each subscribe, the listener reads the heads of its channels. They show a lost tail, a new
epoch, and a stalled subscription (Redis answers, but publications don't arrive). The same poll is readiness.
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
from simulcast.model.events import MAX_EVENT_BYTES, encode_external
from simulcast.model.publication import from_message
from simulcast.store.functions import translate_error
from simulcast.store.topology import Topology

POLL_INTERVAL_S = 1.0
POLL_TIMEOUT_S = 1.5
READY_MAX_AGE_S = 2.5  # readiness ends when the last successful poll is older
BACKFILL_TIMEOUT_S = 10.0
START_TIMEOUT_S = 5.0
WARNING_INTERVAL_S = 60.0  # between warnings of rejected publications
MAX_MESSAGES_PER_TICK = 2048  # messages handled before the loop gets a turn

_log = logging.getLogger("simulcast.listener")


class SubscriptionStalled(BrokerUnavailable):
    """Redis answers, but publications do not arrive."""


Reassign = Callable[["Listener"], Awaitable[redis.asyncio.Redis | None]]


class Listener:
    """Keeps the feeds of one server's channels up to date while `run` runs, through every loss of Redis."""

    def __init__(self, broker: Broker, servers: Topology, counters: Counters, reassign: Reassign) -> None:
        """`reassign`: releases channels served elsewhere, and returns the server to subscribe to, or None."""
        self._broker = broker
        self._backfill = Backfill(broker)
        self._servers = servers
        self._reassign = reassign
        self.client: redis.asyncio.Redis | None = None  # of the server that is subscribed to
        self._counters, self._clock = counters, counters.clock
        self._subscriptions: dict[str, Subscription] = {}  # by channel
        self._by_name: dict[bytes, Subscription] = {}  # by the name of its Pub/Sub channel
        self._pubsub: PubSub | None = None
        self._poll_lock = asyncio.Lock()
        self._polled_at = float("-inf")
        self._next_warning_at = float("-inf")  # of a rejected publication
        self._failure = "Redis was not reached yet"

    def not_ready(self) -> str | None:
        """Return why events don't arrive now; None while they do."""
        if self._failure:
            return self._failure
        age = self._clock() - self._polled_at
        return f"Redis last answered {age:.1f} s ago" if age > READY_MAX_AGE_S else None

    @property
    def channels(self) -> list[str]:
        return list(self._subscriptions)

    async def follow(self, channel: str, feed: Feed) -> None:
        """Subscribe, and return once the feed has started. Raises TimeoutError while Redis is away."""
        subscription = self._subscriptions.get(channel)
        if subscription is None:
            subscription = Subscription(feed, self._servers.names(channel))
            await self.subscribe(subscription)
        async with asyncio.timeout(START_TIMEOUT_S):
            await subscription.started.wait()

    def add(self, channel: str, feed: Feed) -> None:
        """Let the next session subscribe to the channel. Raises ValueError for an invalid name."""
        self._track(Subscription(feed, self._servers.names(channel)))

    async def subscribe(self, subscription: Subscription) -> None:
        """Subscribe now, or let the next session do so."""
        self._track(subscription)
        if self._pubsub is not None:
            try:
                await self._servers.subscribe(self._pubsub, [subscription.names.pubsub])
            except (redis.RedisError, OSError) as error:
                _log.info("the next session subscribes to %s: %s", subscription.names.channel, error)

    def release(self, channel: str) -> Subscription | None:
        """Forget the channel, and return its subscription for another listener; None if it isn't followed here."""
        if subscription := self._subscriptions.pop(channel, None):
            del self._by_name[subscription.names.pubsub.encode()]
        return subscription

    def _track(self, subscription: Subscription) -> None:
        subscription.renew()
        self._subscriptions[subscription.names.channel] = subscription
        self._by_name[subscription.names.pubsub.encode()] = subscription

    async def leave(self, channel: str) -> None:
        """Unsubscribe from the channel."""
        if (subscription := self.release(channel)) and self._pubsub is not None:
            try:
                await self._servers.unsubscribe(self._pubsub, subscription.names.pubsub)
            except (redis.RedisError, OSError) as error:
                _log.info("not unsubscribed from %s: %s", channel, error)

    async def run(self) -> None:
        """Listen while a channel is followed. After every failure another session begins."""
        delay = 0.1
        while self._subscriptions:
            try:
                await self._session()
            except Exception as error:
                self._counters.reconnects += not self._failure
                delay = min(delay * 2, 2.0) if self._failure else 0.1
                self._failure = _describe(error)
                self._servers.invalidate()
                _log.warning("no events: %s", self._failure, exc_info=not _is_expected(error))
            await asyncio.sleep(delay * random.uniform(0.5, 1.0))  # noqa: S311

    async def poll_now(self, channels: Sequence[str], unless: Callable[[], bool] = lambda: False) -> list[Head]:
        """Read the channels' heads and fill their gaps. Raises BrokerUnavailable, TimeoutError.

        `unless`: checked once no other poll is running; if true, nothing is read.
        """
        async with asyncio.timeout(BACKFILL_TIMEOUT_S), self._poll_lock:
            if unless():
                return []
            async with asyncio.timeout(POLL_TIMEOUT_S):
                heads = await self._broker.heads(channels)
            for channel, head in zip(channels, heads, strict=True):
                if subscription := self._subscriptions.get(channel):
                    try:
                        await self._backfill.reconcile(subscription.names.channel, subscription.feed, head)
                        subscription.started.set()
                    except Exception as error:
                        self._restart_channel(subscription, error)
        return heads

    def _restart_channel(self, subscription: Subscription, error: Exception) -> None:
        """Cut the clients of a channel after an unexpected error: the next poll reads its snapshot. Raises others."""
        if _is_expected(error):
            raise error
        _log.error("%s: cutting its clients after an unexpected error", subscription.names.channel, exc_info=error)
        subscription.started.clear()
        subscription.feed.reset()

    async def _session(self) -> None:
        if (client := await self._reassign(self)) is None:
            return
        pubsub = client.pubsub()
        try:
            for subscription in self._subscriptions.values():
                subscription.renew()
            requested: set[str] = set()
            while new := {subscription.names.pubsub for subscription in self._subscriptions.values()} - requested:
                async with asyncio.timeout(POLL_TIMEOUT_S):
                    await self._servers.subscribe(pubsub, new)
                requested |= new
            self._pubsub = pubsub  # from now on `subscribe` sends its own request
            async with asyncio.TaskGroup() as group:
                group.create_task(self._poll(client), name="poll")
                group.create_task(self._read(open_reader(pubsub)), name="read")
        finally:
            self._pubsub = None
            await pubsub.aclose()

    async def _poll(self, client: redis.asyncio.Redis) -> None:
        while not is_cancelling():
            await asyncio.sleep(POLL_INTERVAL_S)
            channels = [channel for channel, subscription in self._subscriptions.items() if subscription.subscribed_at]
            if not channels:
                continue
            if await self._servers.client_for(channels[0]) is not client:
                raise BrokerUnavailable("another server has taken over")
            for channel, head in zip(channels, await self.poll_now(channels), strict=True):
                subscription = self._subscriptions.get(channel)
                if subscription is not None and subscription.is_stalled(head):
                    raise SubscriptionStalled(f"publications to {channel} do not arrive, though Redis answers")
            self._polled_at = self._clock()

    async def _read(self, reader: SubscriptionReader | PublicReader) -> None:
        while not is_cancelling():
            for kind, name, data in await reader.next():
                if kind in (b"message", b"smessage"):
                    if subscription := self._by_name.get(name):
                        try:
                            await self._handle_message(subscription, data)
                        except Exception as error:
                            self._restart_channel(subscription, error)
                elif kind == self._servers.subscribe_reply:
                    await self._confirm(name)
                elif kind == b"sunsubscribe" and name in self._by_name:
                    raise BrokerUnavailable(f"another server has taken over {name.decode()}")
                self._counters.received += 1
                if self._counters.received % MAX_MESSAGES_PER_TICK == 0:
                    await asyncio.sleep(0)

    async def _confirm(self, name: bytes) -> None:
        """Handle a confirmed subscription. The last of several reads what all of them missed, in one poll."""
        if (subscription := self._by_name.get(name)) is None:
            return
        subscription.confirmed = True
        if not all(subscription.confirmed for subscription in self._subscriptions.values()):
            return
        new = [channel for channel, subscription in self._subscriptions.items() if not subscription.subscribed_at]
        for channel, head in zip(new, await self.poll_now(new), strict=True):
            if started := self._subscriptions.get(channel):
                started.begin(head)
        self._polled_at, self._failure = self._clock(), ""
        _log.info("listening to %d channels", len(self._subscriptions))

    async def _handle_message(self, subscription: Subscription, data: bytes) -> None:
        message = from_message(data)
        feed, channel = subscription.feed, subscription.names.channel
        if message is None:
            self._handle_external(subscription, data)
            return
        tag, publication = message
        if tag != feed.tag and not feed.is_known_tag(tag) and self._clock() >= subscription.next_check_at:
            subscription.next_check_at = self._clock() + POLL_INTERVAL_S
            await self.poll_now([channel])
        if tag != feed.tag:  # of a finished epoch or a new one (read from the history instead), or a forgery
            if not feed.is_known_tag(tag):
                self._reject(f"a publication to {channel} with the tag of no broker")
            return
        subscription.last_live_offset = max(subscription.last_live_offset, publication.position.offset)
        if feed.accept(publication) in (Outcome.GAP, Outcome.OTHER_EPOCH):
            await self.poll_now([channel])
            feed.accept(publication)

    def _handle_external(self, subscription: Subscription, data: bytes) -> None:
        try:
            if len(data) > MAX_EVENT_BYTES:
                raise InvalidEvent(f"it has {len(data):,} bytes")
            subscription.feed.accept_external(encode_external(data.decode("utf-8", "replace")))
        except InvalidEvent as error:
            self._reject(f"an external publication to {subscription.names.pubsub}: {error}")

    def _reject(self, publication: str) -> None:
        """Count a publication that is left out, and log one in a while: anyone may publish any number of them."""
        self._counters.rejected += 1
        if self._clock() >= self._next_warning_at:
            self._next_warning_at = self._clock() + WARNING_INTERVAL_S
            _log.warning("rejected %s (%d so far)", publication, self._counters.rejected)


def _is_expected(error: BaseException) -> bool:
    """Return whether the error, or each of its group, is one of Redis or of the network."""
    if isinstance(error, BaseExceptionGroup):
        return all(map(_is_expected, error.exceptions))
    return isinstance(error, BrokerUnavailable | redis.RedisError | OSError)


def _describe(error: BaseException) -> str:
    if isinstance(error, BaseExceptionGroup):
        return "; ".join(map(_describe, error.exceptions))
    if isinstance(error, redis.RedisError):
        error = translate_error(error, "subscribe")
    if isinstance(error, BrokerUnavailable):
        return str(error)
    if not _is_expected(error):
        return f"unexpected error: {type(error).__name__}: {error}"
    return f"Redis does not answer ({error or type(error).__name__})"
