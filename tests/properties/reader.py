"""A client of the machine: the real subscriber over a socket of so many bytes."""

import asyncio
from collections.abc import Callable, Collection
from dataclasses import replace
from itertools import dropwhile

from simulcast.errors import BrokerUnavailable
from simulcast.frontend.fanout.backlog import Part
from simulcast.frontend.fanout.feed import Feed
from simulcast.frontend.fanout.frames import payload_of, payloads, text_frame
from simulcast.frontend.fanout.recovery import Replay
from simulcast.frontend.subscriptions.options import SubscribeOptions
from simulcast.frontend.subscriptions.subscriber import Subscriber
from simulcast.frontend.transport.batch_writers import ASGIWriter
from simulcast.model.position import Position
from tests.properties.front_end import CHANNEL, ListenerMachine
from tests.properties.model import Expected, assert_owed, told, wire


class Reader(ASGIWriter):
    """The client's socket, its subscriber, and the events that it is due."""

    def __init__(self, front_end: ListenerMachine, room: int, options: SubscribeOptions) -> None:
        self.front_end = front_end
        self.since = options.since.get(CHANNEL)
        self.key = options.download_id
        self.capacity = self.room = room
        self.got: list[bytes] = []
        self.open = True
        self.left = False  # of its own accord
        self.drained = asyncio.Event()
        self.drained.set()
        self.joined_at = -1  # the number of events published before it joined; -1 until then
        self.before = 0  # the number of messages that it got before it joined
        self.welcome: list[bytes] = []  # what it is owed from before it joined, unless superseded
        self.began_anew = 0
        self.full_with: int | None = None  # the number of messages that it had when its socket filled
        self.exact_from: int | None = None  # from this event on it is current, and due every single one
        self.on_write: Callable[[], None] = lambda: None
        self.subscriber = Member(self, options)

    @property
    def flow(self) -> list[bytes]:
        """What it got of the events that were published since it joined."""
        return list(dropwhile(lambda payload: payload in self.welcome, self.got[self.before :]))

    def assert_welcome(self, snapshot: Collection[bytes]) -> None:
        """Assert that it got what it was owed when it joined, in order, or what superseded it."""
        received = self.got[self.before : len(self.got) - len(self.flow)]
        assert received == [payload for payload in self.welcome if payload in received]
        assert [payload for payload in self.welcome if payload in snapshot and payload not in received] == []

    def sees(self, key: str) -> bool:
        return not self.key or key == self.key

    @property
    def told(self) -> list[Expected]:
        """The published events of its view."""
        return [event for event in self.front_end.feed.told if self.sees(event.key)]

    @property
    def flow_due(self) -> list[Expected]:
        return self.told[self.joined_at :]

    @property
    def full(self) -> bool:
        return not self.drained.is_set()

    async def follow(self) -> None:
        try:
            await self.subscriber.follow(CHANNEL, self.since)
        except BrokerUnavailable:
            self.leave()

    def write(self, frames: bytes) -> None:
        if not self.open and self.joined_at < 0:
            return
        assert self.open, "written to after it was closed"
        self.got.extend(payloads(frames))
        self.room -= len(frames)
        if self.room < 0:
            self.stall()
        if self.joined_at < 0:
            self.front_end.loop.call_soon(self.drain)
        self.on_write()

    def stall(self) -> None:
        if self.open and not self.full:
            self.drained.clear()
            self.subscriber.on_pause()

    def drain(self) -> None:
        self.room = self.capacity
        self.full_with = None
        if self.open and self.full:
            self.drained.set()
            self.subscriber.on_resume()

    def leave(self) -> None:
        self.left = True
        self.abort()

    def close(self, code: int, reason: str) -> None:
        self.abort()

    def abort(self) -> None:
        self.open = False
        self.subscriber.on_disconnect()


class Member(Subscriber):
    """Checks the replay that it begins with."""

    def __init__(self, reader: Reader, options: SubscribeOptions) -> None:
        front_end = reader.front_end
        super().__init__(options, reader, front_end.channels, front_end.listeners, front_end.broker, set())
        self._reader = reader
        self._feed = front_end.feed

    def _replay(self, channel: str, feed: Feed, replay: Replay) -> None:
        here, since, server = feed.position, self._reader.since, self._feed.server
        assert here is not None
        assert since is None or since.epoch <= here.epoch, "it knows of an epoch that this front-end doesn't"
        reader, replayed = self._reader, self._replayed(feed, replay)
        got = [*reader.got, *map(payload_of, replayed)]
        missed = []
        if since is not None and since.epoch == here.epoch:
            places = [Position(here.epoch, offset) for offset in range(since.offset + 1, here.offset + 1)]
            lost_and_had = [each for each in server.lost if wire(each) in got]
            every = {each.position: each for each in (*server.line, *self._feed.taken, *lost_and_had)}
            missed = [every[place] for place in places if place in every]
            kept = {each.position for each in server.history}
            lost = since.offset > here.offset or any(place not in kept for place in places)
            assert replay.recovered or lost or not feed.is_recoverable(since), "it could have been recovered"
        if replay.recovered:
            assert_owed(got, [told(each) for each in missed])
        reader.began_anew = self._feed.began_anew
        reader.joined_at = len(reader.told)
        reader.before = len(reader.got)
        reader.welcome = [payload_of(frame) for frame in replayed]
        follows = {each.payload for each in reader.flow_due}
        assert not set(reader.welcome) & follows, "it is given twice"
        super()._replay(channel, feed, replay)
        assert reader.open or reader.left, "it is cut as it joins"

    def _replayed(self, feed: Feed, replay: Replay) -> list[bytes]:
        """Return the frames that it would get if it read them now."""
        place, view, frames = replace(replay.place), self._view(CHANNEL), list[bytes]()
        while place.part is not Part.LIVE:
            piece = feed.backlog.read(view, place)
            assert piece is not None
            frames += map(text_frame, payloads(piece.batch))
            place.cursor = piece.cursor
            if not piece.batch:
                place.finish_part()
        return frames
