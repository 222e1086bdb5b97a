"""A front-end over a Redis of plain lists: the real listener, feed and channels, and the due events."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import cast

import pytest
import redis.asyncio
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from simulcast.errors import BrokerUnavailable
from simulcast.frontend.fanout import backlog, hub
from simulcast.frontend.fanout.feed import Feed
from simulcast.frontend.fanout.frames import payload_of
from simulcast.frontend.ingest import backfill
from simulcast.frontend.ingest.connection import SubscribedConnection
from simulcast.frontend.ingest.due_flushes import DueFlushes
from simulcast.frontend.ingest.listener_pool import ListenerPool
from simulcast.frontend.subscriptions import subscriber
from simulcast.frontend.subscriptions.channels import Channels
from simulcast.store.topology import Topology
from tests.clocks import Clock
from tests.properties.model import wire
from tests.properties.recording import RecordingFeed, is_after
from tests.redis_model import FakeBroker, RedisModel

CHANNEL = "downloads"
PAGE = 3
PRELOADED = 4
SLICE_BYTES = 100
ALL = 10**9
WHATS = ("publish", "trim", "fail over", "flush", "fail")


class Timer:
    """The part of the event loop that flushes use."""

    def __init__(self, clock: Clock) -> None:
        self.time = clock
        self.call_at = clock.call_at

    def call_soon(self, call: Callable[[], None]) -> None:
        self.call_at(self.time(), call)


class OneChannel(Channels):
    def __init__(self, feed: RecordingFeed, listening: ListenerPool, flushes: DueFlushes) -> None:
        self._feed = feed
        super().__init__(CHANNEL, listening, flushes, feed.hub.counters)

    def _new_feed(self, channel: str) -> Feed:
        return self._feed


class ListenerMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.patch = pytest.MonkeyPatch()
        self.patch.setattr(backfill, "PAGE_SIZE", PAGE)
        self.patch.setattr(backfill, "PRELOAD_ENTRIES", PRELOADED)
        self.patch.setattr(subscriber, "_PAGE_SIZE", PAGE)
        for module in (subscriber, backlog, hub):
            self.patch.setattr(module, "SLICE_BYTES", SLICE_BYTES)
        self.patch.setattr(logging.getLogger("simulcast.listener"), "disabled", True)
        self.loop = asyncio.new_event_loop()
        self.clock = Clock()
        self.server = RedisModel(self.clock)
        self.broker = FakeBroker(self.server)
        self.feed = RecordingFeed(self.server)
        self.hub = self.feed.hub
        flushes = DueFlushes(cast(asyncio.AbstractEventLoop, Timer(self.clock)))
        self.listeners = ListenerPool(self.broker, Topology(redis.asyncio.Redis()), self.hub.counters, flushes.run)
        self.channels = OneChannel(self.feed, self.listeners, flushes)
        self.listener = self.listeners._by_channel[CHANNEL]
        self.followed = self.listener._subscriptions[CHANNEL]

    def begin(self, kinds: str, kept: int) -> None:
        for kind in kinds:
            self.server.publish(kind, "a", 5)
        self.server.trim(kept)
        self.server.live.clear()
        self.clock.advance(300)
        self.loop.run_until_complete(self._subscribe())

    # What happens in Redis.

    @rule(kind=st.sampled_from("pppse-"), key=st.sampled_from("abc"), size=st.sampled_from([0, 5, 40, 200]))
    def publish(self, kind: str, key: str, size: int) -> None:
        self.server.publish(kind, key, size)

    @rule(kinds=st.text("ppse-", min_size=1, max_size=8), key=st.sampled_from("abc"))
    def publish_several(self, kinds: str, key: str) -> None:
        for kind in kinds:
            self.server.publish(kind, key, 5)

    @rule(kind=st.sampled_from("pe-"), key=st.sampled_from("aax"))
    def publish_past_the_brokers(self, kind: str, key: str) -> None:
        number = next(self.server.numbers)
        progress = f'{{"type":"download_progress","download_id":"{key}","progress":1,"speed":{number}}}'
        end = f'{{"type":"download_cancelled","download_id":"{key}","n":{number}}}'
        self.server.live.append({"p": progress, "e": end, "-": f"Hello {number}"}[kind].encode())
        self.keep_up()

    @rule(kept=st.integers(0, 6), deaf=st.booleans())
    def trim_the_history(self, kept: int, deaf: bool) -> None:
        """`deaf`: messages on their way are lost too."""
        self.server.trim(kept)
        if deaf:
            self.server.live.clear()

    @rule(lost=st.sampled_from([0, 1, 2, 5, ALL]))
    def begin_another_epoch(self, lost: int) -> None:
        if lost == ALL:
            self.server.flush_all()
        else:
            self.server.fail_over(lost)

    @rule(kind=st.sampled_from("se"), heard=st.booleans(), turns=st.integers(0, 3))
    def lose_a_change_that_is_told_again(self, kind: str, heard: bool, turns: int) -> None:
        self.server.publish("s", "a", 5)
        self.server.publish(kind, "a", 5)
        if heard:
            self.keep_up()
        self.server.fail_over(1)
        self.listen(0, poll=True, turns=0)
        self.server.publish(kind, "a", 5)
        self.listen(1, poll=True, turns=turns)

    @rule(what=st.sampled_from(WHATS), kinds=st.sampled_from(["s", "ps", "pse"]))
    def happen_inside_the_next_question(self, what: str, kinds: str) -> None:
        self.broker.meanwhile.append(self.happening(what, kinds))

    @rule(
        at=st.integers(0, 6),
        what=st.sampled_from(["publish", "publish", *WHATS]),
        kinds=st.sampled_from(["s", "ps", "pse"]),
        turns=st.sampled_from([0, 3]),
        lost=st.integers(0, 2),
    )
    def happen_while_another_epoch_begins(self, at: int, what: str, kinds: str, turns: int, lost: int) -> None:
        self.keep_up()
        self.server.fail_over(lost)
        self.broker.meanwhile.extend([lambda: None] * at + [self.happening(what, kinds)])
        self.listen(50, poll=True, turns=turns)

    def happening(self, what: str, kinds: str) -> Callable[[], None]:
        return {
            "publish": lambda: self.publish_several(kinds, "b"),
            "trim": lambda: self.server.trim(len(kinds)),
            "fail over": lambda: self.server.fail_over(len(kinds) - 1),
            "flush": self.server.flush_all,
            "fail": self.broker.fail,
        }[what]

    # What the listener does.

    @rule(messages=st.integers(1, 8), poll=st.booleans(), turns=st.integers(0, 3))
    def listen(self, messages: int, poll: bool, turns: int) -> None:
        self.broker.turns = turns
        self.loop.run_until_complete(self.session(messages, poll))

    def keep_up(self) -> None:
        self.listen(len(self.server.live), poll=False, turns=0)

    async def session(self, messages: int, poll: bool, joining: "asyncio.Future[None] | None" = None) -> None:
        """Run a part of a session, until a client has joined; after a failure begin another one."""
        try:
            async with asyncio.TaskGroup() as group:
                reading = group.create_task(self._read(messages))
                if poll:
                    self.listener._request(CHANNEL)
                group.create_task(self._poll(group, [reading, *([joining] if joining else [])]))
        except* BrokerUnavailable:
            self.server.live.clear()
            await self._subscribe()
            if joining is not None:
                await self.session(0, poll=False, joining=joining)

    async def _read(self, messages: int) -> None:
        for _ in range(messages):
            await asyncio.sleep(0)
            if self.server.live:
                self.listener._handle_message(self.followed, self.server.live.popleft())

    async def _poll(self, group: asyncio.TaskGroup, others: "Sequence[asyncio.Future[None]]") -> None:
        self.listener._connection = cast(SubscribedConnection, self)
        turns = 0
        while not all(other.done() for other in others) or self.listener._due or self.followed.reconciling:
            turns += 1
            assert turns < 1000, f"it waits for ever: {others}, {self.listener._due}, {self.followed}"
            await self.listener.poll_due(group)
            await asyncio.sleep(0)

    async def _subscribe(self) -> None:
        self.listener.end_session()
        try:
            async with asyncio.TaskGroup() as group:
                self.listener.confirm(self.followed.names.pubsub.encode())
                await self._poll(group, [])
        except* BrokerUnavailable:
            await self._subscribe()

    # What must hold.

    @invariant()
    def the_hub_was_told_each_event_once_in_order_and_nothing_else(self) -> None:
        assert self.feed.recorded.given == [event.payload for event in self.feed.told]
        assert len(set(self.feed.recorded.given)) == len(self.feed.recorded.given)

    @invariant()
    def all_that_was_published_and_not_lost_was_taken_in_order(self) -> None:
        here, taken = self.feed.position, self.feed.taken
        if here is None:
            return  # has not begun
        places = [(each.position.epoch, each.position.offset) for each in taken]
        assert places == sorted(set(places))
        due = [each for each in self.server.line if is_after(each, self.feed.began) and not is_after(each, here)]
        assert [each for each in due if each not in taken] == []

    @invariant()
    def the_snapshot_is_what_goes_on_where_the_feed_is(self) -> None:
        here = self.feed.position
        if here is None or here.epoch != self.server.epoch:
            return
        masked, others = self.feed._masked, self.feed.foreign_keys
        entries = [each for each in self.feed.snapshot.entries() if each.key not in masked.keys]
        entries += masked._aside.entries()
        due = [(each.key, wire(each)) for each in self.server.goes_on(here) if each.key not in others]
        held = [(each.key, payload_of(each.frame)) for each in entries if each.key not in others]
        taken = {wire(each) for each in self.feed.taken if each.label[0] == "e"}  # maybe long after they were told
        found = [each for each in held if each in due or each[1] not in taken]
        assert sorted(found, key=itemgetter(0)) == sorted(due, key=itemgetter(0))

    def teardown(self) -> None:
        self.patch.undo()
        self.loop.close()
