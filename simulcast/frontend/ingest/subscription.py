"""Subscription to one channel: its feed, and how far Pub/Sub has come since it was confirmed."""

import asyncio
from dataclasses import dataclass, field

from simulcast.broker import Head
from simulcast.frontend.fanout.feed import Feed
from simulcast.model.channel import ChannelNames


@dataclass(slots=True)
class Subscription:
    """Belongs to a session of its listener; `renew` prepares it for the next one."""

    feed: Feed
    names: ChannelNames
    started: asyncio.Event = field(default_factory=asyncio.Event)  # once the feed has its first snapshot
    confirmed: bool = False  # by Redis, in this session
    subscribed_at: Head | None = None  # the head after the confirmation; earlier publications are backfilled
    polled_head: Head | None = None
    next_check_at: float = float("-inf")  # of a tag that is not known: earlier ones wait for the poll
    last_live_offset: int = 0  # the newest offset from Pub/Sub
    polled_offset: int = 0  # `last_live_offset` at the previous poll

    def renew(self) -> None:
        """Forget the previous session."""
        self.confirmed, self.subscribed_at = False, None

    def begin(self, head: Head) -> None:
        """Begin at `head`: Pub/Sub delivers every later publication."""
        self.subscribed_at = self.polled_head = head
        self.last_live_offset = self.polled_offset = 0

    def is_stalled(self, head: Head) -> bool:
        """Return whether the subscription missed a publication that the previous poll saw, and received none since."""
        previous, first = self.polled_head, self.subscribed_at
        if previous is None or first is None or head.tag != previous.tag or first.tag != head.tag:
            self.begin(head)
            return False
        behind = previous.position.offset > max(self.last_live_offset, first.position.offset)
        stalled = behind and self.last_live_offset == self.polled_offset
        self.polled_head, self.polled_offset = head, self.last_live_offset
        return stalled
