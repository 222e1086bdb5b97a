"""Snapshot of a channel for joining clients: newest state event and progress of each key, and recent ends."""

from bisect import insort
from collections.abc import Callable, Collection, Iterable
from operator import itemgetter

from simulcast.frontend.fanout.deadlines import Deadlines
from simulcast.frontend.fanout.entries import Entry, OrderedEntries
from simulcast.frontend.fanout.memory import MemoryPool

ENDED_TTL_S = 600.0
MAX_ENTRIES = 30_000
MAX_BYTES = 32 * 1024 * 1024


class ChannelSnapshot:
    """At most MAX_ENTRIES entries and MAX_BYTES of frames; beyond, the oldest are dropped.

    `clock`: seconds, monotonic.
    """

    def __init__(self, clock: Callable[[], float], pool: MemoryPool | None = None) -> None:
        """`pool`: bounds the snapshots of a process in sum."""
        self._clock = clock
        self._pool = pool or MemoryPool()
        self._pool.add(self)
        self._entries = OrderedEntries(self._pool)  # by kind (s, p or e) and key
        self._ends: list[tuple[float, Entry]] = []  # each with its time, oldest first
        self._deadlines = Deadlines(clock)
        self.head = 0  # the number of entries that were applied: the newest one's cursor
        self.generation = 0  # rises where entries change other than by a newer one of their download
        self.begun_again = 0  # the newest cursor at which a download that had ended began again
        self._begun_again: dict[str, int] = {}  # the cursor of each whose end is still here

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def held_bytes(self) -> int:
        """The bytes that it counts in its pool."""
        return self._entries.held_bytes

    def apply(self, entry: Entry, age_s: float = 0.0) -> None:
        """Take one event in; an event without a key leaves no trace.

        `age_s`: seconds since an end, or since the newest event of a key that nobody owns.
        """
        kind = entry.label[0]
        if kind == "-":
            return
        if kind == "e":
            self._entries.drop(("s", entry.key))
            self._entries.drop(("p", entry.key))
            insort(self._ends, (self._clock() - age_s, entry), key=itemgetter(0))
            self._begun_again.pop(entry.key, None)
            self._deadlines.drop(entry.key)
        else:
            if ("e", entry.key) in self._entries and entry.key not in self._begun_again:
                self.generation += 1
                self.begun_again = self._begun_again[entry.key] = self.head + 1
            self._set_deadline(entry, age_s)
        slot = (kind, entry.key)
        self._entries.drop(slot)
        self.head += 1
        self._entries.add(self.head, slot, entry)
        while len(self._entries) > MAX_ENTRIES or self._entries.frame_bytes > MAX_BYTES:
            self._drop_oldest()
        if self._pool.used_bytes > self._pool.max_bytes:
            self._pool.shrink()
        self._expire()

    def entries_of(self, keys: Collection[str]) -> list[tuple[Entry, float]]:
        """Return the entries of these downloads, oldest first, each with its age as `apply` takes it."""
        ages_s = {id(entry): self._clock() - ended_at for ended_at, entry in self._ends}
        return [
            (entry, ages_s.get(id(entry), max(0.0, entry.ttl_s - self._deadlines.remaining_s(entry.key))))
            for entry in self.entries()
            if entry.key in keys
        ]

    def forget(self, key: str) -> None:
        """Drop everything of that download."""
        self.generation += 1
        self._begun_again.pop(key, None)
        self._deadlines.drop(key)
        for kind in "spe":
            self._entries.drop((kind, key))

    def clear(self) -> None:
        """Drop everything."""
        self.generation += 1
        self._entries.clear()
        self._ends.clear()
        self._begun_again.clear()
        self._deadlines.clear()

    def trim(self, max_bytes: int) -> None:
        """Drop the oldest entries until at most `max_bytes` count in the pool."""
        while self.held_bytes > max_bytes:
            self._drop_oldest()

    def entries(self) -> list[Entry]:
        """Return all entries, oldest first."""
        self._expire()
        return self._entries.entries()

    def read(
        self, after: int, until: int, max_bytes: int, frame_of: Callable[[Entry], bytes | None]
    ) -> tuple[list[bytes], int]:
        """Return frames as `OrderedEntries.read` does."""
        self._expire()
        return self._entries.read(after, until, max_bytes, frame_of)

    def is_over(self, entry: Entry, until: int) -> bool:
        """Return whether this is an end, and the download did not begin again up to that cursor."""
        return entry.label[0] == "e" and not 0 < self._begun_again.get(entry.key, 0) <= until

    def _drop_oldest(self) -> None:
        _, entry = self._entries.drop_oldest()
        if entry.label[0] == "e":
            self._begun_again.pop(entry.key, None)
        elif not self._is_active(entry.key):
            self._deadlines.drop(entry.key)

    def _is_active(self, key: str) -> bool:
        return ("s", key) in self._entries or ("p", key) in self._entries

    def _set_deadline(self, entry: Entry, age_s: float) -> None:
        """Let the key expire, or stay. An event that no broker published lets none expire that has an owner."""
        if not entry.ttl_s:
            self._deadlines.drop(entry.key)
        elif entry.offset or entry.key in self._deadlines or not self._is_active(entry.key):
            self._deadlines.set(entry.key, entry.ttl_s - age_s)

    def _expire(self) -> None:
        for key in self._deadlines.pop_expired():
            self._entries.drop(("s", key))
            self._entries.drop(("p", key))
        while self._ends and (self._clock() - self._ends[0][0] > ENDED_TTL_S or len(self._ends) > MAX_ENTRIES):
            _, entry = self._ends.pop(0)
            slot = (entry.label[0], entry.key)
            if self._entries.get(slot) is entry:
                self._entries.drop(slot)
                self._begun_again.pop(entry.key, None)


class MaskedSnapshot:
    """A snapshot that shows the downloads that the server set back in a failover as clients know them.

    The server's own entries of these are kept aside: they are shown once newer events come, or after ENDED_TTL_S.
    """

    def __init__(self, snapshot: ChannelSnapshot, clock: Callable[[], float]) -> None:
        self._shown = snapshot
        self._aside = ChannelSnapshot(clock)
        self._clock = clock
        self._masked_at = 0.0
        self.keys: set[str] = set()  # of downloads that are masked

    def apply(self, entry: Entry, age_s: float = 0.0) -> None:
        """Take in an event of the server."""
        (self._aside if entry.key in self.keys else self._shown).apply(entry, age_s)

    def load(self, entries: Iterable[tuple[Entry, float]], lost: Collection[str]) -> None:
        """Start over with the server's entries, each with its age in seconds. `lost`: shown as they are here."""
        known = self._shown.entries_of(lost) if lost else []
        self._shown.clear()
        self._aside.clear()
        self.keys, self._masked_at = {entry.key for entry, _ in known}, self._clock()
        for entry, age_s in entries:
            self.apply(entry, age_s)
        for entry, age_s in known:
            self._shown.apply(entry, age_s)

    def has_other(self, keys: Collection[str]) -> bool:
        """Return whether the server has one of these downloads, which are shown otherwise."""
        return any(entry.key in keys for entry in self._aside.entries())

    def is_over(self) -> bool:
        """Return whether downloads have been masked for long enough."""
        return bool(self.keys) and self._clock() - self._masked_at > ENDED_TTL_S

    def unmask(self, keys: Collection[str]) -> None:
        """Show what the server has of these downloads."""
        aside = self._aside.entries_of(keys)
        for key in keys:
            self._shown.forget(key)
            self._aside.forget(key)
        self.keys -= set(keys)
        for entry, age_s in aside:
            self._shown.apply(entry, age_s)
