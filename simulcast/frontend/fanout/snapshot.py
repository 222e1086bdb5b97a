"""Snapshot of a channel for joining clients: newest state event and progress of each download, and recent ends."""

from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass

from simulcast.frontend.fanout.hub import Hub
from simulcast.frontend.fanout.log import Entry
from simulcast.frontend.fanout.view import View

ENDED_TTL_S = 600.0
MAX_ENTRIES = 30_000
MAX_BYTES = 32 * 1024 * 1024
SNAPSHOT_CACHE_TTL_S = 1.0


class ChannelSnapshot:
    """At most MAX_ENTRIES entries and MAX_BYTES of frames; beyond, the oldest are dropped.

    `clock`: seconds, monotonic.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._entries: OrderedDict[tuple[str, str], Entry] = OrderedDict()  # by kind (s, p or e) and key
        self._ends: deque[tuple[float, Entry]] = deque()
        self._bytes = 0

    def apply(self, entry: Entry, ended_ago_s: float = 0.0) -> None:
        """Take one event in; an event without a key leaves no trace."""
        kind = entry.label[0]
        if kind == "-":
            return
        if kind == "e":
            self._drop(("s", entry.key))
            self._drop(("p", entry.key))
            self._ends.append((self._clock() - ended_ago_s, entry))
        slot = (kind, entry.key)
        self._drop(slot)
        self._entries[slot] = entry
        self._bytes += len(entry.frame)
        while len(self._entries) > MAX_ENTRIES or self._bytes > MAX_BYTES:
            self._drop(next(iter(self._entries)))
        self._expire_ends()

    def __bool__(self) -> bool:
        return bool(self._entries)

    def forget(self, key: str) -> None:
        """Drop everything of that download."""
        for kind in "spe":
            self._drop((kind, key))

    def clear(self) -> None:
        """Drop everything."""
        self._entries.clear()
        self._ends.clear()
        self._bytes = 0

    def entries(self) -> list[Entry]:
        """Return all entries, oldest first."""
        self._expire_ends()
        return list(self._entries.values())

    def _drop(self, slot: tuple[str, str]) -> None:
        dropped = self._entries.pop(slot, None)
        if dropped is not None:
            self._bytes -= len(dropped.frame)

    def _expire_ends(self) -> None:
        while self._ends and (self._clock() - self._ends[0][0] > ENDED_TTL_S or len(self._ends) > MAX_ENTRIES):
            _, entry = self._ends.popleft()
            slot = ("e", entry.key)
            if self._entries.get(slot) is entry:
                self._drop(slot)


@dataclass(frozen=True, slots=True)
class _CachedFrames:
    """A snapshot as one view shows it. `made_at`: seconds, monotonic. `cursor`: the hub's, where the flow goes on."""

    hub: Hub
    made_at: float
    frames: bytes
    cursor: int

    def is_fresh(self, now: float) -> bool:
        return now - self.made_at <= SNAPSHOT_CACHE_TTL_S


class SnapshotCache:
    """Snapshots in bytes, shared by the clients of one view: a crowd of slow clients must not hold a copy each.

    Cleared by events that no snapshot shows: a client that joins after an event without a key must not receive it.
    """

    def __init__(self) -> None:
        self._cached: dict[View, _CachedFrames] = {}

    def clear(self) -> None:
        """Forget all of them."""
        self._cached.clear()

    def get(self, view: View, hub: Hub, entries: Callable[[], list[Entry]], now: float) -> tuple[bytes, int]:
        """Return the frames of `entries()` in that view, and the cursor of its hub after which the flow goes on."""
        cached = self._cached.get(view)
        if cached is None or cached.hub is not hub or not cached.is_fresh(now) or not hub.log.covers(cached.cursor):
            cached = _CachedFrames(hub, now, view.join_frames(entries()), hub.log.head)
            self._cached = {other: old for other, old in self._cached.items() if old.is_fresh(now)}
            self._cached[view] = cached
        return cached.frames, cached.cursor
