"""Backfill of a feed from Redis: its start, a gap, a lost tail, another epoch.

The history is read through every epoch that began meanwhile. If publications are lost, every client of the channel is
cut: clients then reconnect and begin with the snapshot.
"""

import logging
from collections.abc import Sequence

from simulcast.broker import Broker, Head, Snapshot
from simulcast.errors import PositionLost
from simulcast.frontend.fanout.feed import Feed
from simulcast.model.position import Position, is_next_position
from simulcast.model.publication import Publication

PAGE_SIZE = 1000  # publications of the history, read in one call; fewer where they are large
PAGE_BYTES = 1024 * 1024
PRELOAD_ENTRIES = 4000  # publications from before the start, read into memory
PRELOAD_BYTES = 1024 * 1024
_FIRST_PAGE_SIZE = 64

_log = logging.getLogger("simulcast.listener")


class Backfill:
    """Reads from the broker. Calls for the same feed must not overlap."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker

    def is_at(self, feed: Feed, head: Head) -> bool:
        """Return whether `reconcile` has nothing to do."""
        here = feed.position
        return not (here is None or feed.is_stale or _is_before(here, head.position) or feed.has_lost_events())

    async def reconcile(self, channel: str, feed: Feed, head: Head) -> None:
        """Bring the feed to `head`, or beyond it. Raises BrokerUnavailable."""
        if feed.position is None:
            snapshot = await self._broker.snapshot(channel)
            tail = await self._read_tail(snapshot.head.position, channel)
            _load(feed, channel, snapshot)
            feed.preload(tail)
            return
        try:
            await self._fill_from_one_server(feed, channel, head)
            if feed.is_stale:
                await self._load_snapshot(feed, channel)
            if feed.has_lost_events():
                raise PositionLost(feed.position, None)  # a copy was restored: its publishers do not know of it
        except PositionLost as error:
            feed.hub.counters.gaps_lost += 1
            _log.warning("%s: cutting %d clients, whose events are lost: %s", channel, feed.hub.clients, error)
            await self._load_snapshot(feed, channel, disconnect=True)

    async def _fill_from_one_server(self, feed: Feed, channel: str, head: Head) -> None:
        """As `_fill`, again where the history was another server's than the head: one that took over in between."""
        try:
            await self._fill(feed, channel, head)
        except PositionLost:
            newer = await self._broker.head(channel)
            if newer.position.epoch == head.position.epoch:
                raise
            await self._fill(feed, channel, newer)

    async def _fill(self, feed: Feed, channel: str, head: Head) -> None:
        """Accept publications up to the head, through every epoch that began meanwhile. Raises PositionLost."""
        size = min(_FIRST_PAGE_SIZE, PAGE_SIZE)
        while (here := feed.position) is not None and _is_before(here, head.position):
            if head.position.offset == 0 and head.previous == here:
                _advance_epoch(feed, head.position, head, True)
                return
            if head.following and is_next_position(here, head.following[0].position):
                page, is_last = head.following, head.following[-1].position == head.position
            else:
                page = await self._broker.history(here, head.position, channel, size)
                is_last, size = len(page) < size, _page_size(page, PAGE_SIZE, PAGE_BYTES)
            feed.hub.counters.backfilled += len(page)
            for number, publication in enumerate(page):
                _advance_epoch(feed, Position(publication.position.epoch, 0), head, number > 0)
                feed.accept(publication)
            if is_last:
                _advance_epoch(feed, head.position, head, bool(page))

    async def _load_snapshot(self, feed: Feed, channel: str, disconnect: bool = False) -> None:
        feed.expect_snapshot()
        snapshot = await self._broker.snapshot(channel)
        head = snapshot.head
        if disconnect:
            feed.reset()
        elif feed.position is not None:
            await self._fill(feed, channel, head)  # publications since the head before
        _load(feed, channel, snapshot)

    async def _read_tail(self, until: Position, channel: str) -> list[Publication]:
        """Read the newest publications backwards, until they are enough in number or in bytes."""
        newest: list[Publication] = []
        size, size_bytes = min(_FIRST_PAGE_SIZE, PRELOAD_ENTRIES), 0
        while until.offset > 0 and len(newest) < PRELOAD_ENTRIES and size_bytes < PRELOAD_BYTES:
            page = await self._broker.tail(until, size, channel)
            if not page or page[-1].position != until:
                break
            newest[:0] = page
            size_bytes += _bytes_of(page)
            until = Position(until.epoch, page[0].position.offset - 1)
            size = _page_size(page, PRELOAD_ENTRIES - len(newest), PRELOAD_BYTES - size_bytes)
        return newest


def _load(feed: Feed, channel: str, snapshot: Snapshot) -> None:
    head = snapshot.head
    feed.load_snapshot(head.position, head.tag, snapshot.publications, snapshot.ended_ago_s, snapshot.silent_s)
    _log.info("%s continues at %s with %d entries", channel, head.position, len(snapshot.publications))


def _bytes_of(page: Sequence[Publication]) -> int:
    return sum(len(publication.payload) for publication in page)


def _page_size(page: Sequence[Publication], most: int, most_bytes: int) -> int:
    """Return how many publications like those of the page are read next."""
    return max(1, min(most, most_bytes * len(page) // max(1, _bytes_of(page))))


def _is_before(here: Position, head: Position) -> bool:
    return here.epoch != head.epoch or here.offset < head.offset


def _advance_epoch(feed: Feed, position: Position, head: Head, complete: bool) -> None:
    """Continue in the epoch of `position`, if it is another one. Raises PositionLost unless the feed's is complete.

    `complete`: the history continues in the next epoch right after the feed's position.
    """
    here, end = feed.position, head.previous
    if here is None or here.epoch == position.epoch:
        return
    if not complete and end is not None and (here.epoch, here.offset) < (end.epoch, end.offset):
        raise PositionLost(here, end)
    if end is None:
        if here.offset > 0:
            raise PositionLost(here, position)  # the server has lost all of it, as after FLUSHALL
        feed.clear_seen()
    elif (end.epoch, end.offset) < (here.epoch, here.offset):
        feed.invalidate(end)  # of an earlier epoch than `here`, if the server never had this one
    nothing_lost = end == here
    feed.start_epoch(position, head.tag if position.epoch == head.position.epoch else feed.tag)
    if nothing_lost:
        feed.is_stale = False  # the snapshot is complete as it is
