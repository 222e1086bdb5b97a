"""The process's one subscription to Redis, and the poll that finds what it missed.

Once a second, and after every subscribing, the head of the channel is asked: a lost tail shows, a new epoch shows, and
a channel that is deaf shows (Redis answers, and yet its publications don't arrive). The same poll is readiness.
"""

import asyncio
import logging
import random
from collections.abc import Callable

import redis
import redis.asyncio

from app.feed import Feed, Outcome
from simulcast.broker import Broker, Head
from simulcast.errors import BrokerUnavailable, InvalidEvent, PositionLost
from simulcast.events import MAX_EVENT_BYTES, encode_foreign
from simulcast.names import ChannelNames
from simulcast.publication import from_message

POLL_S = 1.0
POLL_TIMEOUT_S = 1.5
STALE_S = 2.5  # readiness ends when the last good poll is older
FILL_TIMEOUT_S = 10.0
MOST_AT_ONCE = 256  # messages taken before the loop gets a turn
PAGE = 1000

_log = logging.getLogger("simulcast.listener")


def _reason(error: BaseException) -> str:
    if isinstance(error, BaseExceptionGroup):
        return "; ".join(_reason(each) for each in error.exceptions)
    if isinstance(error, BrokerUnavailable):
        return str(error)
    return f"Redis does not answer ({error or type(error).__name__})"


class _Deaf(BrokerUnavailable):
    """Redis answers, but what is published does not arrive."""


class Listener:
    """Keeps `feed` up to date from the moment `run` starts, through every loss of Redis."""

    def __init__(
        self,
        broker: Broker,
        client: redis.asyncio.Redis,
        feed: Feed,
        names: ChannelNames,
        clock: Callable[[], float],
    ) -> None:
        self._broker = broker
        self._client = client
        self._feed = feed
        self._names = names
        self._clock = clock
        self._catching_up = asyncio.Lock()
        self._polled_at = float("-inf")
        self._live_offset = 0  # the newest that came by Pub/Sub since the subscribing
        self._trouble = "it has not reached Redis yet"
        self.started = asyncio.Event()  # set once the feed has its first snapshot
        self.refused = 0

    def not_ready(self) -> str | None:
        """Why events don't arrive now, or None while they do."""
        if self._trouble:
            return self._trouble
        age = self._clock() - self._polled_at
        return f"Redis was last heard {age:.1f} s ago" if age > STALE_S else None

    async def run(self) -> None:
        """Listens until cancelled. Whatever ends a session is met with another one."""
        delay = 0.1
        while True:
            try:
                await self._session()
            except* (BrokerUnavailable, redis.RedisError, OSError, TimeoutError) as errors:
                delay = min(delay * 2, 2.0) if self._trouble else 0.1
                self._trouble = _reason(errors)
                _log.warning("no events: %s", self._trouble)
            await asyncio.sleep(delay * random.uniform(0.5, 1.0))  # noqa: S311

    async def catch_up(self) -> Head:
        """Asks where the channel is and takes what is missing. Raises BrokerUnavailable, TimeoutError."""
        async with asyncio.timeout(POLL_TIMEOUT_S):
            head = await self._broker.head(self._names.channel)
        async with self._catching_up, asyncio.timeout(FILL_TIMEOUT_S):
            here = self._feed.position
            if here is None or here.epoch != head.position.epoch or self._feed.tag != head.tag:
                await self._start_over()
            elif here.offset < head.position.offset:
                await self._fill(head)
        return head

    async def _session(self) -> None:
        pubsub = self._client.pubsub()
        try:
            async with asyncio.timeout(POLL_TIMEOUT_S):
                await pubsub.subscribe(self._names.pubsub)
                await pubsub.get_message(timeout=None)  # the confirmation: from here on, all that is published comes
            self._live_offset = 0
            head = await self.catch_up()
            self._polled_at, self._trouble = self._clock(), ""
            _log.info("listening to %s at %s", self._names.pubsub, head.position)
            self.started.set()
            async with asyncio.TaskGroup() as group:
                group.create_task(self._poll(head), name="poll")
                group.create_task(self._read(pubsub), name="read")
        finally:
            await pubsub.aclose()

    async def _poll(self, before: Head) -> None:
        baseline = before
        while True:
            heard = self._live_offset
            await asyncio.sleep(POLL_S)
            head = await self.catch_up()
            self._polled_at = self._clock()
            if head.tag != before.tag:
                baseline, self._live_offset = head, 0
            elif heard == self._live_offset < before.position.offset > baseline.position.offset:
                raise _Deaf(f"what is published to {self._names.pubsub} does not arrive, though Redis answers")
            before = head

    async def _read(self, pubsub: redis.asyncio.client.PubSub) -> None:
        taken = 0
        while True:
            message = await pubsub.get_message(ignore_subscribe_messages=True, timeout=POLL_S)
            if message is None:
                continue
            await self._take(message["data"])
            taken += 1
            if taken % MOST_AT_ONCE == 0:  # redis-py doesn't yield while its buffer holds more
                await asyncio.sleep(0)

    async def _take(self, data: bytes) -> None:
        found = from_message(data)
        if found is None:
            self._take_foreign(data)
            return
        tag, publication = found
        if tag != self._feed.tag:
            await self.catch_up()
            if tag != self._feed.tag:  # none of ours: it only looks like it
                self._take_foreign(data)
                return
        self._live_offset = max(self._live_offset, publication.position.offset)
        outcome = self._feed.take(publication)
        if outcome in (Outcome.GAP, Outcome.OTHER_EPOCH):
            await self.catch_up()
            self._feed.take(publication)

    def _take_foreign(self, data: bytes) -> None:
        try:
            if len(data) > MAX_EVENT_BYTES:
                raise InvalidEvent(f"it has {len(data):,} bytes")
            self._feed.take_foreign(encode_foreign(data.decode("utf-8", "replace")))
        except InvalidEvent as error:
            self.refused += 1
            _log.warning("left out what was published to %s past the brokers: %s", self._names.pubsub, error)

    async def _fill(self, head: Head) -> None:
        try:
            while (here := self._feed.position) is not None and here.offset < head.position.offset:
                rows = await self._broker.history(here, head.position, self._names.channel, PAGE)
                for publication in rows:
                    self._feed.take(publication)
        except PositionLost:
            await self._start_over()

    async def _start_over(self) -> None:
        snapshot = await self._broker.snapshot(self._names.channel)
        head = snapshot.head
        self._feed.start_over(head.position, head.tag, snapshot.publications, snapshot.ended_ago_s)
        _log.info("starting over at %s with %d entries", head.position, len(snapshot.publications))
