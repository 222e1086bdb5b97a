"""Channels read without a connection: the snapshot, and the events that a client which reconnects receives.

A read follows the channel as a client does, within the same limits, and asks Redis first where the channel is.
"""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass

from simulcast.broker import Broker
from simulcast.errors import PositionLost
from simulcast.frontend.fanout.backlog import BacklogPosition, Part
from simulcast.frontend.fanout.feed import Feed
from simulcast.frontend.fanout.frames import payload_of, payloads
from simulcast.frontend.fanout.recovery import ReadHistory, Replay, conflate, plan_recovery
from simulcast.frontend.fanout.view import View
from simulcast.frontend.ingest.listener_pool import ListenerPool
from simulcast.frontend.subscriptions.channels import Channels
from simulcast.model.position import Position

READ_TIMEOUT_S = 10.0
MAX_STATE_BYTES = 8 * 1024 * 1024
MAX_HISTORY_BYTES = 1024 * 1024
MAX_HISTORY_EVENTS = 1000
_PAGE_SIZE = 50  # publications of the history, read in one call


@dataclass(frozen=True, slots=True)
class ChannelEvents:
    """Events as clients receive them, JSON in UTF-8, oldest first.

    `position`: that of the channel, or of the last event where more follow. `complete`: False where a bound was
    reached: then the oldest entries of a snapshot are missing, or the newest events of a history. `recovered`: False
    where events between are lost, and this is the snapshot.
    """

    position: Position
    events: list[bytes]
    complete: bool
    recovered: bool = True


@dataclass(frozen=True, slots=True)
class ChannelReader:
    """Reads the channels of one front-end."""

    channels: Channels
    listeners: ListenerPool
    broker: Broker

    async def state(self, channel: str, address: str) -> ChannelEvents:
        """Return the snapshot. `address`: that of the client, if limited.

        Raises TooManyChannels, and TimeoutError or BrokerUnavailable while Redis is away.
        """
        with self.channels.pin(channel):
            async with asyncio.timeout(READ_TIMEOUT_S):
                return _read_snapshot(await self._follow(channel, address))

    async def history(self, channel: str, since: Position, address: str) -> ChannelEvents:
        """Return the events after that position, or the snapshot where some of them are lost. Raises as `state`."""
        with self.channels.pin(channel):
            async with asyncio.timeout(READ_TIMEOUT_S):
                feed = await self._follow(channel, address)
                try:
                    return await self._read_history(channel, feed, since)
                except PositionLost:
                    return _read_snapshot(feed, recovered=False)

    async def _follow(self, channel: str, address: str) -> Feed:
        feed = await self.channels.follow(channel, address)
        await self.listeners.catch_up(channel)
        return feed

    async def _read_history(self, channel: str, feed: Feed, since: Position) -> ChannelEvents:
        found = _Collection(since)
        while isinstance(step := plan_recovery(feed, found.position), ReadHistory) and not found.is_full:
            async with self.channels.history_reads:
                page = await self.broker.history(step.after, step.until, channel, _PAGE_SIZE)
            found.add([payload_of(entry.frame) for entry in conflate(page)])
            if not found.is_full:
                found.position = page[-1].position
        if found.is_full:
            return ChannelEvents(found.position, found.events, complete=False)
        if not isinstance(step, Replay) or not step.recovered:
            return _read_snapshot(feed, recovered=False)
        place = step.place
        while place.part is Part.MISSED and not found.is_full:
            found.add(_read_slice(feed, View(channel), place))
        if found.is_full or feed.position is None:
            return ChannelEvents(found.position, found.events, complete=False)
        return ChannelEvents(feed.position, found.events, complete=True)


def _read_slice(feed: Feed, view: View, place: BacklogPosition) -> list[bytes]:
    piece = feed.backlog.read(view, place)
    if piece is None:
        raise PositionLost(place.cursor, None)
    place.cursor = piece.cursor
    if not piece.batch:
        place.finish_part()
    return list(payloads(piece.batch))


class _Collection:
    """Events within the bounds of a history. `position`: that of the last one."""

    def __init__(self, position: Position) -> None:
        self.position = position
        self.events: list[bytes] = []
        self.is_full = False
        self._bytes = 0

    def add(self, events: Iterable[bytes]) -> None:
        """Add events that have positions, up to the bounds."""
        for event in events:
            self._bytes += len(event)
            if self.events and (self._bytes > MAX_HISTORY_BYTES or len(self.events) >= MAX_HISTORY_EVENTS):
                self.is_full = True
                return
            self.events.append(event)
            self.position = Position.parse(event[13 : event.index(b'"', 13)].decode())  # behind {"event_id":"


def _read_snapshot(feed: Feed, recovered: bool = True) -> ChannelEvents:
    if feed.position is None:
        raise TimeoutError("the channel starts over")
    feed.place_in_snapshot(resumable=True)
    entries = feed.snapshot.entries()
    events, size = list[bytes](), 0
    for entry in reversed(entries):
        size += len(entry.frame)
        if size > MAX_STATE_BYTES:
            break
        events.append(payload_of(entry.frame))
    return ChannelEvents(feed.position, events[::-1], len(events) == len(entries), recovered)
