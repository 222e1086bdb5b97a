"""Subscription to one channel: its feed, and how far Pub/Sub has come since it was confirmed."""

import asyncio
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from simulcast.broker import Head
from simulcast.frontend.fanout.feed import Feed
from simulcast.model.channel import ChannelNames

MAX_UNKNOWN_TAGS = 16
SUSPICION_INTERVAL_S = 1.0


def resolve(waiting: Iterable[asyncio.Future[bool]], succeeded: bool) -> None:
    """Let everything that waits go on: the feed is as far as Redis was, or will not be in this session."""
    for future in waiting:
        if not future.done():
            future.set_result(succeeded)


@dataclass(slots=True)
class Subscription:
    """Belongs to a session of its listener; `renew` prepares it for the next one."""

    feed: Feed
    names: ChannelNames
    started: asyncio.Event = field(default_factory=asyncio.Event)  # once the feed has its first snapshot
    confirmed: bool = False  # by Redis, in this session
    subscribed_at: Head | None = None  # the head after the confirmation; earlier publications are backfilled
    polled_head: Head | None = None
    last_live_offset: int = 0  # the newest offset from Pub/Sub
    polled_offset: int = 0  # `last_live_offset` at the previous poll
    head: Head | None = None  # to which the feed is brought, while `reconciling`
    reconciling: bool = False
    waiting: list[asyncio.Future[bool]] = field(default_factory=list)  # for the feed to reach `head`
    unknown_tags: Counter[str] = field(default_factory=Counter)  # messages by their tag, until the head is read
    suspected_at: float = float("-inf")

    def renew(self) -> None:
        """Forget the previous session."""
        self.confirmed, self.subscribed_at, self.head, self.reconciling = False, None, None, False
        resolve(self.take_waiting(), False)

    def take_waiting(self) -> list[asyncio.Future[bool]]:
        """Return what waits for the newest head that was read; the caller resolves it."""
        waiting, self.waiting = self.waiting, []
        return waiting

    def suspect(self, tag: str, now: float) -> bool:
        """Count a message with an unknown tag. Return whether the head is to be read now, and not a little later."""
        self.unknown_tags[tag if len(self.unknown_tags) < MAX_UNKNOWN_TAGS else ""] += 1
        is_first = now - self.suspected_at > SUSPICION_INTERVAL_S
        if is_first:
            self.suspected_at = now
        return is_first

    def pop_forged(self) -> int:
        """Return how many of these messages no broker published, now that the feed knows the tag of the head."""
        if not self.unknown_tags:
            return 0
        unknown, self.unknown_tags = self.unknown_tags, Counter()
        return sum(
            number for tag, number in unknown.items() if tag != self.feed.tag and not self.feed.is_known_tag(tag)
        )

    @property
    def is_beginning(self) -> bool:
        """True while a head that is read from now on is the first one after the subscription was confirmed."""
        return self.confirmed and self.subscribed_at is None

    def begin(self, head: Head) -> None:
        """Begin at `head`: Pub/Sub delivers every later publication."""
        self.subscribed_at = self.polled_head = head
        self.last_live_offset = self.polled_offset = 0

    def is_in_other_epoch(self, head: Head) -> bool:
        """Return whether an epoch began of which no publication told."""
        here = self.feed.position
        return here is not None and here.epoch != head.position.epoch

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


class NewSubscriptions:
    """Subscriptions that the session has yet to request: those of a turn of the loop share one request."""

    def __init__(self) -> None:
        self._new: dict[str, Subscription] = {}  # by channel
        self._has_some = asyncio.Event()

    def add(self, subscription: Subscription) -> None:
        """Let the session request it."""
        self._new[subscription.names.channel] = subscription
        self._has_some.set()

    async def wait(self) -> list[Subscription]:
        """As `take`, once there is one."""
        await self._has_some.wait()
        return self.take()

    def take(self) -> list[Subscription]:
        """Return all, which are then the caller's to request."""
        new = list(self._new.values())
        self._new.clear()
        self._has_some.clear()
        return new
