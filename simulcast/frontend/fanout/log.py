"""Recent events of one channel, oldest first, without superseded ones.

Newer progress supersedes older progress of its download; a state event supersedes its progress; nothing supersedes a
state event, or an event without a key.
"""

from collections.abc import Callable

from simulcast.frontend.fanout.entries import Entry, OrderedEntries
from simulcast.frontend.fanout.memory import MemoryPool

MAX_ENTRIES = 16_384
MAX_BYTES = 16 * 1024 * 1024
_LIVE_ONLY = "\n"  # before the key of progress that has no offset; no event's key has a line break


class Log:
    """At most `max_entries` entries and `max_bytes` of frames; beyond, the oldest are trimmed and reads return None.

    A cursor counts the entries that were appended here; it means nothing elsewhere.
    """

    def __init__(
        self, max_entries: int = MAX_ENTRIES, max_bytes: int = MAX_BYTES, pool: MemoryPool | None = None
    ) -> None:
        """`pool`: bounds the logs of a process in sum."""
        self._max_entries = max_entries
        self._max_bytes = max_bytes
        self._pool = pool or MemoryPool()
        self._pool.add(self)
        self._entries = OrderedEntries(self._pool)
        self._trimmed = 0  # the highest cursor that was trimmed, not superseded
        self._complete_after = 0  # the offset after which nothing was trimmed
        self._epoch_start = 0  # the cursor at which the epoch began
        self._last_offset = 0
        self.head = 0

    @property
    def held_bytes(self) -> int:
        """The bytes that it counts in its pool."""
        return self._entries.held_bytes

    def restart_after(self, offset: int) -> None:
        """Begin another run of offsets: every publication after `offset` will be appended."""
        self._epoch_start = self.head
        self._complete_after = self._last_offset = offset

    def append(self, entry: Entry) -> int:
        """Append, and return the new head."""
        self.head += 1
        kind = entry.label[0]
        entries = self._entries
        if kind != "-":
            entries.drop(_LIVE_ONLY + entry.key)
            if entry.offset:
                entries.drop(entry.key)  # a live-only event must not hide an event of the history from recovery
        name: str | int = self.head
        if kind == "p":
            name = entry.key if entry.offset else _LIVE_ONLY + entry.key
        if entry.offset:
            self._last_offset = entry.offset
        entries.add(self.head, name, entry, self._last_offset)
        while len(entries) > self._max_entries or entries.frame_bytes > self._max_bytes:
            self._trim_oldest()
        if self._pool.used_bytes > self._pool.max_bytes:
            self._pool.shrink()
        return self.head

    def trim(self, max_bytes: int) -> None:
        """Trim the oldest entries until at most `max_bytes` count in the pool."""
        while self.held_bytes > max_bytes:
            self._trim_oldest()

    def clear(self) -> None:
        """Give the memory back: nothing reads it any more."""
        self._entries.clear()

    def is_about_to_trim(self, cursor: int) -> bool:
        """Return whether one of the next entries may trim one after `cursor`."""
        entries = self._entries
        is_nearly_full = len(entries) > self._max_entries * 0.9 or entries.frame_bytes > self._max_bytes * 0.9
        return is_nearly_full and entries.first_cursor > cursor

    def covers(self, cursor: int) -> bool:
        """Return whether every later event is kept or superseded, and none was trimmed."""
        return cursor >= self._trimmed

    def read(
        self, after: int, until: int, max_bytes: int, frame_of: Callable[[Entry], bytes | None]
    ) -> tuple[list[bytes], int] | None:
        """Return frames as `OrderedEntries.read` does; None if some after that cursor were trimmed."""
        return self._entries.read(after, until, max_bytes, frame_of) if self.covers(after) else None

    def cursor_after(self, offset: int) -> int | None:
        """Return the cursor after which the publications after that offset of the current epoch follow.

        None if some of them were trimmed.
        """
        if offset < self._complete_after:
            return None
        return max(self._entries.cursor_before(offset, self._epoch_start), self._trimmed)

    def _trim_oldest(self) -> None:
        self._trimmed, oldest = self._entries.drop_oldest()
        if self._trimmed > self._epoch_start:
            self._complete_after = max(self._complete_after, oldest.offset)
