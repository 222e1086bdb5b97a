"""One channel that is listened to: its feed, and how far Pub/Sub has come since the subscribing."""

import asyncio
from dataclasses import dataclass, field

from simulcast.broker import Head
from simulcast.frontend.fanout.feed import Feed
from simulcast.model.channel import ChannelNames


@dataclass(slots=True)
class Subscription:
    """Of a session of its listener: `renew` begins another one."""

    feed: Feed
    names: ChannelNames
    started: asyncio.Event = field(default_factory=asyncio.Event)  # once the feed has its first snapshot
    confirmed: bool = False  # in this session; what was published before is not taken yet while subscribed_at is None
    subscribed_at: Head | None = None
    polled_head: Head | None = None
    last_live_offset: int = 0  # the newest offset that came by Pub/Sub
    polled_offset: int = 0

    def renew(self) -> None:
        """Nothing is subscribed to."""
        self.confirmed, self.subscribed_at = False, None

    def begin(self, head: Head) -> None:
        """All from `head` on comes."""
        self.subscribed_at = self.polled_head = head
        self.last_live_offset = self.polled_offset = 0

    def is_stalled(self, head: Head) -> bool:
        """Whether nothing came since the poll before, though what had been published then has not come yet."""
        before, since = self.polled_head, self.subscribed_at
        if before is None or since is None or head.tag != before.tag or since.tag != head.tag:
            self.begin(head)
            return False
        behind = before.position.offset > max(self.last_live_offset, since.position.offset)
        stalled = behind and self.last_live_offset == self.polled_offset
        self.polled_head, self.polled_offset = head, self.last_live_offset
        return stalled
