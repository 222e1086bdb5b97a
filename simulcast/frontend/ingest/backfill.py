"""What a feed is missing, taken from Redis: its beginning, a gap, a lost tail, another epoch.

What can be read on is read on, through every epoch that began meanwhile. Where something is lost, every client of the
channel is cut: then they know, come back, and begin with the snapshot.
"""

import logging

from simulcast.broker import Broker, Head
from simulcast.errors import PositionLost
from simulcast.frontend.fanout.feed import Feed
from simulcast.model.position import Position

PAGE_SIZE = 1000
PRELOAD_ENTRIES = 4000  # publications from before the start that memory begins with

_log = logging.getLogger("simulcast.listener")


class Backfill:
    """Asks `broker`; must not be at work twice at once for the same feed."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker

    async def reconcile(self, channel: str, feed: Feed, head: Head) -> None:
        """Brings the feed to `head`, or beyond it. Raises BrokerUnavailable."""
        feed.latency.record_head(head.position, head.published_at)
        if feed.position is None:
            await self._load_snapshot(feed, channel)
            await self._preload(feed, channel)
            return
        try:
            await self._fill(feed, channel, head)
            if feed.is_stale:
                await self._load_snapshot(feed, channel)
        except PositionLost as error:
            feed.hub.counters.gaps_lost += 1
            _log.warning("%s: cutting %d clients, who missed what is lost: %s", channel, feed.hub.clients, error)
            await self._load_snapshot(feed, channel, disconnect=True)

    async def _fill(self, feed: Feed, channel: str, head: Head) -> None:
        """Takes what is missing up to the head, through every epoch that began meanwhile. Raises PositionLost."""
        while (here := feed.position) is not None and _is_before(here, head.position):
            rows = await self._broker.history(here, head.position, channel, PAGE_SIZE)
            feed.hub.counters.backfilled += len(rows)
            for number, publication in enumerate(rows):
                _advance_epoch(feed, Position(publication.position.epoch, 0), head, number > 0)
                feed.accept(publication)
            if len(rows) < PAGE_SIZE:
                _advance_epoch(feed, head.position, head, bool(rows))

    async def _load_snapshot(self, feed: Feed, channel: str, disconnect: bool = False) -> None:
        feed.expect_snapshot()
        snapshot = await self._broker.snapshot(channel)
        head = snapshot.head
        if disconnect:
            feed.reset()
        elif feed.position is not None:
            await self._fill(feed, channel, head)  # what was published since
        feed.load_snapshot(head.position, head.tag, snapshot.publications, snapshot.ended_ago_s)
        _log.info("%s goes on at %s with %d entries", channel, head.position, len(snapshot.publications))

    async def _preload(self, feed: Feed, channel: str) -> None:
        if feed.position is not None:
            feed.preload(await self._broker.tail(feed.position, PRELOAD_ENTRIES, channel))


def _is_before(here: Position, head: Position) -> bool:
    return here.epoch != head.epoch or here.offset < head.offset


def _advance_epoch(feed: Feed, position: Position, head: Head, complete: bool) -> None:
    """Goes on to the epoch of `position`, if it is another one. Raises PositionLost unless this one is complete.

    `complete`: what follows it in the history was read together with the last of it.
    """
    here, before = feed.position, head.before
    if here is None or here.epoch == position.epoch:
        return
    if not complete and before is not None and (here.epoch, here.offset) < (before.epoch, before.offset):
        raise PositionLost(here, before)
    if before is None:
        feed.clear_seen()
    elif (before.epoch, before.offset) < (here.epoch, here.offset):
        feed.invalidate(before)  # it may be that of an epoch before `here`: then the server knew nothing of this one
    feed.start_epoch(position, head.tag if position.epoch == head.position.epoch else feed.tag)
