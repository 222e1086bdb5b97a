"""Backfill of a feed from Redis: its start, a gap, a lost tail, another epoch.

The history is read through every epoch that began meanwhile. If publications are lost, every client of the channel is
cut: clients then reconnect and begin with the snapshot.
"""

import logging

from simulcast.broker import Broker, Head
from simulcast.errors import PositionLost
from simulcast.frontend.fanout.feed import Feed
from simulcast.model.position import Position

PAGE_SIZE = 1000
PRELOAD_ENTRIES = 4000  # publications from before the start, read into memory

_log = logging.getLogger("simulcast.listener")


class Backfill:
    """Reads from the broker. Calls for the same feed must not overlap."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker

    async def reconcile(self, channel: str, feed: Feed, head: Head) -> None:
        """Bring the feed to `head`, or beyond it. Raises BrokerUnavailable."""
        feed.latency.record_head(head.position, head.published_at)
        if feed.position is None:
            await self._load_snapshot(feed, channel)
            await self._preload(feed, channel)
            return
        try:
            await self._fill(feed, channel, head)
            if feed.is_stale:
                await self._load_snapshot(feed, channel)
            if feed.has_lost_events():
                raise PositionLost(feed.position, None)  # a copy was restored: its publishers do not know of it
        except PositionLost as error:
            feed.hub.counters.gaps_lost += 1
            _log.warning("%s: cutting %d clients, whose events are lost: %s", channel, feed.hub.clients, error)
            await self._load_snapshot(feed, channel, disconnect=True)

    async def _fill(self, feed: Feed, channel: str, head: Head) -> None:
        """Accept publications up to the head, through every epoch that began meanwhile. Raises PositionLost."""
        while (here := feed.position) is not None and _is_before(here, head.position):
            page = await self._broker.history(here, head.position, channel, PAGE_SIZE)
            feed.hub.counters.backfilled += len(page)
            for number, publication in enumerate(page):
                _advance_epoch(feed, Position(publication.position.epoch, 0), head, number > 0)
                feed.accept(publication)
            if len(page) < PAGE_SIZE:
                _advance_epoch(feed, head.position, head, bool(page))

    async def _load_snapshot(self, feed: Feed, channel: str, disconnect: bool = False) -> None:
        feed.expect_snapshot()
        snapshot = await self._broker.snapshot(channel)
        head = snapshot.head
        if disconnect:
            feed.reset()
        elif feed.position is not None:
            await self._fill(feed, channel, head)  # publications since the head before
        feed.load_snapshot(head.position, head.tag, snapshot.publications, snapshot.ended_ago_s)
        _log.info("%s continues at %s with %d entries", channel, head.position, len(snapshot.publications))

    async def _preload(self, feed: Feed, channel: str) -> None:
        if feed.position is not None:
            feed.preload(await self._broker.tail(feed.position, PRELOAD_ENTRIES, channel))


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
    feed.start_epoch(position, head.tag if position.epoch == head.position.epoch else feed.tag)
