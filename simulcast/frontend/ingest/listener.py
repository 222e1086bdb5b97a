"""The process's one subscription to a server, and the poll that finds missed publications.

Once a second, after each subscribe and where a message does not follow the one before, the listener reads the heads of
channels: those that are due, in one round trip. They show a lost tail, a new epoch, and a stalled subscription (Redis
answers, but publications don't arrive). The same poll is readiness. Tasks backfill feeds, and the poll waits for none.
"""

import asyncio
import logging
import math
import random
from collections.abc import Awaitable, Callable
from contextlib import suppress
from itertools import islice

import redis
import redis.asyncio

from simulcast.broker import Broker, Head
from simulcast.cancellation import is_cancelling
from simulcast.errors import BrokerUnavailable
from simulcast.frontend.fanout.counters import Counters
from simulcast.frontend.fanout.feed import Feed, Outcome
from simulcast.frontend.ingest.connection import SubscribedConnection
from simulcast.frontend.ingest.failures import describe, is_expected, is_of_channel
from simulcast.frontend.ingest.rejections import Rejections
from simulcast.frontend.ingest.subscription import NewSubscriptions, Subscription, resolve
from simulcast.frontend.ingest.updates import FeedUpdates
from simulcast.model.publication import from_message
from simulcast.store.topology import Topology

POLL_INTERVAL_S = 1.0
POLL_TIMEOUT_S = 1.5
READY_MAX_AGE_S = 2.5  # readiness ends when the last successful poll is older
START_TIMEOUT_S = 5.0
MAX_IDLE_POLLED = 20  # channels whose heads are read once a second, in turn: so many idle ones cost Redis little
MAX_HEADS_PER_CALL = 500
MAX_MESSAGES_PER_TICK = 2048  # messages handled before the loop gets a turn

_log = logging.getLogger("simulcast.listener")

Flush = Callable[[], None]
Reassign = Callable[["Listener"], Awaitable[redis.asyncio.Redis | None]]


class Listener:
    """Keeps the feeds of one server's channels up to date while `run` runs, through every loss of Redis."""

    def __init__(self, broker: Broker, servers: Topology, counters: Counters, flush: Flush, reassign: Reassign) -> None:
        """`flush`: all that is due. `reassign`: releases channels served elsewhere; returns the own server, or None."""
        self._broker, self._servers, self._flush, self._reassign = broker, servers, flush, reassign
        self._updates = FeedUpdates(broker, self._caught_up, self._restart_channel)
        self.client: redis.asyncio.Redis | None = None  # of the server that is subscribed to
        self._counters, self._clock = counters, counters.clock
        self._subscriptions: dict[str, Subscription] = {}  # by channel; the head of the first one was read longest ago
        self._by_name: dict[bytes, Subscription] = {}  # by the name of its Pub/Sub channel
        self._new = NewSubscriptions()
        self._unconfirmed: dict[bytes, float] = {}  # names, each with the time by which Redis confirms it; oldest first
        self._starting: set[str] = set()  # channels of the session's beginning that are not up to date yet
        self._due: dict[str, asyncio.Future[bool]] = {}  # channels whose heads are read next
        self._asked: dict[str, asyncio.Future[bool]] = {}  # channels whose heads are being read
        self._suspects: set[str] = set()  # channels with unknown tags, whose heads are read in the next round
        self._wake = asyncio.Event()
        self._connection: SubscribedConnection | None = None
        self._polled_at = float("-inf")
        self._rejections = Rejections(counters)
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
        subscription = self._subscriptions.get(channel) or self.add(channel, feed)
        async with asyncio.timeout(START_TIMEOUT_S):
            await subscription.started.wait()

    def add(self, channel: str, feed: Feed) -> Subscription:
        """As `subscribe`. Raises ValueError for an invalid name."""
        return self.subscribe(Subscription(feed, self._servers.names(channel)))

    def subscribe(self, subscription: Subscription) -> Subscription:
        """Let the session's task subscribe, now or at its beginning: no client that leaves interrupts it."""
        subscription.renew()
        self._subscriptions[subscription.names.channel] = subscription
        self._by_name[subscription.names.pubsub.encode()] = subscription
        self._new.add(subscription)
        return subscription

    def release(self, channel: str) -> Subscription | None:
        """Forget the channel, and return its subscription for another listener; None if it isn't followed here."""
        if subscription := self._subscriptions.pop(channel, None):
            del self._by_name[subscription.names.pubsub.encode()]
            self._starting.discard(channel)
            resolve(subscription.take_waiting(), False)
        return subscription

    async def leave(self, channel: str) -> None:
        """Unsubscribe from the channel."""
        if (subscription := self.release(channel)) and self._connection is not None:
            try:
                self._connection.unsubscribe(subscription.names.pubsub, self._servers.is_sharded)
            except redis.RedisError as error:
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
                self._failure = describe(error)
                self._servers.invalidate()
                _log.warning("no events: %s", self._failure, exc_info=not is_expected(error))
            await asyncio.sleep(delay * random.uniform(0.5, 1.0))  # noqa: S311

    async def catch_up(self, channel: str) -> None:
        """Return when the feed is where Redis is, or was after this call. Raises BrokerUnavailable.

        Calls that come while Redis is being asked share the next question.
        """
        if self._connection is None or not await asyncio.shield(self._request(channel)):
            raise BrokerUnavailable(self._failure or "the subscription began again")

    def _restart_channel(self, subscription: Subscription, error: Exception) -> None:
        """Cut the clients of a channel after an error of its own: the next round reads its snapshot. Raises others."""
        if is_expected(error) and not is_of_channel(error):
            raise error
        _log.error("%s: cutting its clients after an unexpected error", subscription.names.channel, exc_info=error)
        subscription.started.clear()
        subscription.feed.reset()
        self._suspects.add(subscription.names.channel)
        self._starting.discard(subscription.names.channel)

    async def _session(self) -> None:
        if (client := await self._reassign(self)) is None:
            return
        self._connection = connection = await SubscribedConnection.open(client)
        try:
            for subscription in self._subscriptions.values():
                subscription.renew()
                self._new.add(subscription)
            self._starting = set(self._subscriptions)
            async with asyncio.TaskGroup() as group:
                group.create_task(self._subscribe_to_new(connection), name="subscribe")
                group.create_task(self._poll(client, group), name="poll")
                group.create_task(self._read(connection), name="read")
        finally:
            self.end_session()
            connection.close()

    async def _subscribe_to_new(self, connection: SubscribedConnection) -> None:
        while not is_cancelling():
            new = await self._new.wait()
            if names := [each.names.pubsub for each in new if self._subscriptions.get(each.names.channel) is each]:
                connection.subscribe(names, self._servers.is_sharded)
                self._unconfirmed |= dict.fromkeys(map(str.encode, names), self._clock() + START_TIMEOUT_S)

    def end_session(self) -> None:
        """Let everything that waits for this session's answers go on without them."""
        self._connection = None
        self._unconfirmed.clear()
        resolve([*self._due.values(), *self._asked.values()], False)
        self._due.clear()
        for subscription in self._subscriptions.values():
            subscription.renew()

    def _request(self, channel: str) -> asyncio.Future[bool]:
        """Let the poll read the channel's head now."""
        if (future := self._due.get(channel)) is None:
            future = self._due[channel] = asyncio.get_running_loop().create_future()
            self._wake.set()
        return future

    async def _poll(self, client: redis.asyncio.Redis, group: asyncio.TaskGroup) -> None:
        next_round_at = self._clock() + POLL_INTERVAL_S
        while not is_cancelling():
            with suppress(TimeoutError):
                async with asyncio.timeout(max(0.0, next_round_at - self._clock())):
                    await self._wake.wait()
            await self.poll_due(group)
            if self._clock() >= next_round_at:
                next_round_at = self._clock() + POLL_INTERVAL_S
                await self._poll_in_turn(client, group)

    async def poll_due(self, group: asyncio.TaskGroup) -> None:
        """Read the heads requested first, and let tasks bring their feeds there. Raises BrokerUnavailable."""
        self._asked = {channel: self._due.pop(channel) for channel in list(islice(self._due, MAX_HEADS_PER_CALL))}
        if not self._due:
            self._wake.clear()
        beginning = {name for name in self._asked if (one := self._subscriptions.get(name)) and one.is_beginning}
        for subscription, head in await self._read_heads(list(self._asked)):
            if subscription.names.channel in beginning:
                subscription.begin(head)
            subscription.waiting.append(self._asked.pop(subscription.names.channel))
            self._updates.bring_to(subscription, head, group)
        resolve(self._asked.values(), False)  # of channels that were left meanwhile

    async def _poll_in_turn(self, client: redis.asyncio.Redis, group: asyncio.TaskGroup) -> None:
        suspects, self._suspects = self._suspects, set()
        for channel in suspects & self._subscriptions.keys():
            self._request(channel)
        followed = ((channel, subscription.subscribed_at) for channel, subscription in self._subscriptions.items())
        channels = list(islice((channel for channel, began_at in followed if began_at), MAX_IDLE_POLLED))
        if self._subscriptions and await self._servers.client_for(next(iter(self._subscriptions))) is not client:
            raise BrokerUnavailable("another server has taken over")
        if next(iter(self._unconfirmed.values()), math.inf) < self._clock():
            raise BrokerUnavailable("Redis confirms no subscription, though it answers")
        for channel in channels:
            self._subscriptions[channel] = self._subscriptions.pop(channel)
        heads = await self._read_heads(channels)
        if any(subscription.is_in_other_epoch(head) for subscription, head in heads):
            for channel in self._subscriptions:  # they have probably lost as much: FLUSHALL ends no connection
                self._request(channel)
        for subscription, head in heads:
            if subscription.is_stalled(head):
                raise BrokerUnavailable(
                    f"{subscription.names.pubsub}: publications do not arrive, though Redis answers"
                )
            self._updates.bring_to(subscription, head, group)

    async def _read_heads(self, channels: list[str]) -> list[tuple[Subscription, Head]]:
        positions = {name: one.feed.position for name in channels if (one := self._subscriptions.get(name))}
        if not positions:
            return []
        async with asyncio.timeout(POLL_TIMEOUT_S):
            heads = await self._broker.heads(positions)
        self._polled_at = self._clock()
        polled = []
        for channel, head in zip(positions, heads, strict=True):
            if subscription := self._subscriptions.get(channel):
                if isinstance(head, BrokerUnavailable):
                    self._restart_channel(subscription, head)
                else:
                    polled.append((subscription, head))
        return polled

    def _caught_up(self, subscription: Subscription) -> None:
        subscription.started.set()
        if self._failure:
            self._starting.discard(subscription.names.channel)
            if not self._starting:
                self._failure = ""
                _log.info("listening to %d channels", len(self._subscriptions))
        if forged := subscription.pop_forged():
            self._rejections.add(f"a publication to {subscription.names.channel} with the tag of no broker", forged)

    async def _read(self, connection: SubscribedConnection) -> None:
        while not is_cancelling():
            for kind, name, data in await connection.next():
                if kind in (b"message", b"smessage"):
                    if subscription := self._by_name.get(name):
                        try:
                            self._handle_message(subscription, data)
                        except Exception as error:
                            self._restart_channel(subscription, error)
                elif kind == self._servers.subscribe_reply:
                    self.confirm(name)
                elif kind == b"sunsubscribe" and name in self._by_name:
                    raise BrokerUnavailable(f"another server has taken over {name.decode()}")
                self._counters.received += 1
                if self._counters.received % MAX_MESSAGES_PER_TICK == 0:
                    await asyncio.sleep(0)
            self._flush()

    def confirm(self, name: bytes) -> None:
        """Read what was published before the subscription was confirmed."""
        self._unconfirmed.pop(name, None)
        if subscription := self._by_name.get(name):
            subscription.confirmed = True
            self._request(subscription.names.channel)

    def _handle_message(self, subscription: Subscription, data: bytes) -> None:
        message = from_message(data)
        feed = subscription.feed
        if message is None:
            self._rejections.accept_external(subscription, data)
            return
        tag, publication = message
        if tag == feed.tag:
            subscription.last_live_offset = max(subscription.last_live_offset, publication.position.offset)
            if feed.accept(publication) in (Outcome.GAP, Outcome.OTHER_EPOCH):
                self._request(subscription.names.channel)  # the history has this publication, too
        elif not feed.is_known_tag(tag):  # of a new epoch, or a forgery
            if feed.position is None or subscription.suspect(tag, self._clock()):
                self._request(subscription.names.channel)
            else:
                self._suspects.add(subscription.names.channel)
