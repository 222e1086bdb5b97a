"""A whole front-end without its sockets and without Redis, under every interleaving that hypothesis thinks of.

The machine plays Redis (tests/redis_model.py) and clients that stall, drain, leave, are cut and come back. What
each of them got is compared with lists that only grow (tests/properties/model.py).
"""

import asyncio
from functools import partial

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, rule

from simulcast.frontend.fanout.frames import payload_of
from simulcast.frontend.subscriptions.options import SubscribeOptions
from simulcast.frontend.subscriptions.subscriber import SLOW_CLIENT_TIMEOUT_S
from simulcast.model.position import Position
from tests.properties.front_end import CHANNEL, ListenerMachine
from tests.properties.model import assert_on_the_way, assert_owed
from tests.properties.reader import Reader
from tests.properties.recording import MAX_BYTES, MAX_ENTRIES

ROOMS = (1, 60, 300, 10**9)


class FrontEndMachine(ListenerMachine):
    def __init__(self) -> None:
        super().__init__()
        self.readers: list[Reader] = []
        self.watcher = Reader(
            self, 10**9, SubscribeOptions(download_id="a")
        )  # of one download: it has a hub of its own

    @initialize(kinds=st.text("pse-", max_size=6), kept=st.integers(1, 6))
    def begin(self, kinds: str, kept: int) -> None:
        super().begin(kinds, kept)
        for _ in range(2):
            self.join(10**9, full=False)

    # What the clients do.

    @rule(room=st.sampled_from(ROOMS), full=st.booleans())
    def join(self, room: int, full: bool) -> None:
        self.enter(Reader(self, room, SubscribeOptions()), full)

    @rule(
        room=st.sampled_from(ROOMS),
        back=st.sampled_from([0, 1, 1, 2, 2, 3, 5, 8, 12]),
        ahead=st.booleans(),
        old=st.integers(0, 9),
        messages=st.integers(0, 3),
        turns=st.integers(0, 3),
    )
    def come_back(self, room: int, back: int, ahead: bool, old: int, messages: int, turns: int) -> None:
        """Return with a position of this front-end, or of another that is `ahead`. `messages` arrive meanwhile."""
        here = self.server.position if ahead or self.feed.position is None else self.feed.position
        since = Position(here.epoch - 10 * (old > 7), max(here.offset - back, 0))
        self.broker.turns = turns
        self.enter(Reader(self, room, SubscribeOptions(since={CHANNEL: since})), full=False, messages=messages)

    def enter(self, reader: Reader, full: bool, messages: int = 0) -> None:
        self.readers.append(reader)
        if full:
            reader.stall()

        async def both() -> None:
            joining = asyncio.ensure_future(reader.follow())
            await self.session(messages, poll=False, joining=joining)
            await joining

        self.loop.run_until_complete(both())

    @rule()
    def watch_one_download(self) -> None:
        if not self.watcher.open:
            self.watcher = Reader(self, 10**9, SubscribeOptions(download_id="a"))
        self.loop.run_until_complete(self.watcher.follow())

    def some(self, number: int) -> Reader | None:
        return self.readers[number % len(self.readers)] if self.readers else None

    @rule(number=st.integers(0, 50))
    def stall(self, number: int) -> None:
        if reader := self.some(number):
            reader.stall()

    @rule(number=st.integers(0, 50), room=st.sampled_from(ROOMS))
    def drain(self, number: int, room: int) -> None:
        reader = self.some(number)
        if reader and reader.full:
            reader.capacity = room
            reader.drain()

    @rule(number=st.integers(0, 50))
    def leave(self, number: int) -> None:
        if reader := self.some(number):
            reader.leave()

    @rule(number=st.integers(-1, 50), other=st.integers(0, 50), what=st.sampled_from(["leave", "stall", "all stall"]))
    def happen_inside_a_write(self, number: int, other: int, what: str) -> None:
        """The next one of that client, or of each."""
        victim = self.some(other)
        for writer in self.readers if number < 0 else filter(None, [self.some(number)]):
            victims = self.readers[:] if what == "all stall" else [victim] if victim else []
            writer.on_write = partial(self.happen, writer, victims, what)

    def happen(self, writer: Reader, victims: list[Reader], what: str) -> None:
        writer.on_write = lambda: None
        for victim in victims:
            if what == "leave":
                victim.leave()
            else:
                victim.stall()

    # What time does.

    @rule(seconds=st.sampled_from([1, 1, 20, 61, 250]), sweep=st.booleans())
    def wait(self, seconds: float, sweep: bool) -> None:
        self.clock.advance(seconds)
        if sweep:
            latest = self.clock.now - SLOW_CLIENT_TIMEOUT_S
            here = self.here
            patient = [each for each in here if (each.subscriber._stalled_since or latest) >= latest]
            for reader in here * 2:
                if reader.open:
                    reader.subscriber.disconnect_if_stalled()
            assert [each for each in here if each.open] == patient

    # What must hold.

    @property
    def here(self) -> list[Reader]:
        return [reader for reader in self.readers if reader.open]

    @property
    def flushed(self) -> int:
        return len(self.feed.told) - len(self.hub._slice) - sum(len(frames) for frames, _ in self.hub._slices)

    @invariant()
    def who_is_gone_is_forgotten_and_nobody_else(self) -> None:
        for reader in [reader for reader in self.readers if not reader.open]:
            self.readers.remove(reader)
            cut = reader.began_anew != self.feed.began_anew or reader.full
            assert reader.left or cut or self.is_much([*reader.welcome, *(each.payload for each in reader.flow_due)])
        assert self.hub.clients == len(self.readers)
        assert self.hub.lagging >= sum(reader.full for reader in self.readers)

    def is_much(self, owed: list[bytes]) -> bool:
        return len(owed) > MAX_ENTRIES or sum(len(each) + 10 for each in owed) > MAX_BYTES

    @invariant()
    def everybody_has_a_true_part_of_it_in_order(self) -> None:
        for reader in self.here:
            assert_on_the_way(reader.flow, reader.flow_due)

    @invariant()
    def who_is_current_has_every_event_that_was_flushed_since_it_is(self) -> None:
        for reader in self.here:
            if reader.full or reader.subscriber._clients[CHANNEL][1] not in self.hub._current:
                reader.exact_from = None
            elif reader.exact_from is None:
                reader.exact_from = self.flushed
            if reader.exact_from is not None:
                expected = [event.payload for event in self.feed.told[reader.exact_from : self.flushed]]
                assert reader.got[len(reader.got) - len(expected) :] == expected

    @invariant()
    def nothing_is_written_to_a_full_socket(self) -> None:
        for reader in self.here:
            if reader.full and reader.full_with is not None:
                assert len(reader.got) == reader.full_with
            reader.full_with = len(reader.got) if reader.full else None

    def teardown(self) -> None:
        """Drain every client, and check that it has all events that are not superseded."""
        try:
            if self.feed.position is not None:
                self.end()
        finally:
            super().teardown()

    def end(self) -> None:
        self.broker.meanwhile.clear()
        self.listen(0, poll=True, turns=0)
        assert self.feed.position == self.server.position
        self.the_snapshot_is_what_goes_on_where_the_feed_is()
        self.all_that_was_published_and_not_lost_was_taken_in_order()
        for reader in self.readers:
            reader.on_write = lambda: None
            reader.capacity = 10**9
            reader.drain()
        self.clock.advance(10)
        self.who_is_gone_is_forgotten_and_nobody_else()
        snapshot = [payload_of(each.frame) for each in self.feed.snapshot.entries()]
        for reader in self.readers:
            assert_owed(reader.flow, reader.flow_due)
            reader.assert_welcome(snapshot)
        assert self.hub.lagging == 0
        if self.watcher.open and self.watcher.joined_at >= 0:
            assert_owed(self.watcher.flow, self.watcher.flow_due)


FrontEndMachine.TestCase.settings = settings(
    max_examples=250,
    stateful_step_count=40,
    report_multiple_bugs=False,
    suppress_health_check=list(HealthCheck),
)
TestFrontEnd = FrontEndMachine.TestCase
