"""Entries in the order of their cursors, which a read may begin at any place of."""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Hashable
from dataclasses import dataclass

from simulcast.frontend.fanout.frames import text_frame
from simulcast.frontend.fanout.memory import ENTRY_OVERHEAD_BYTES, MemoryPool
from simulcast.model.publication import Publication, with_event_id

MAX_GAPS = 64  # beyond as many as there are entries


@dataclass(frozen=True, slots=True)
class Entry:
    """One event, framed. `offset`: its place in the channel's epoch, 0 for an event that was delivered live only.

    `ttl_s`: how long a snapshot keeps it without news of its key; 0 where the key has an owner.
    """

    offset: int
    label: str
    key: str
    frame: bytes
    ttl_s: int = 0


def frame_publication(publication: Publication, offset: int) -> Entry:
    """Return the publication as an entry with that offset."""
    frame = text_frame(with_event_id(publication.position, publication.payload))
    return Entry(offset, publication.label, publication.key, frame, publication.ttl_s)


class OrderedEntries:
    """Entries by name, and by cursor. A read costs a bisection and the entries that it returns.

    A dropped entry leaves a gap, which is closed when there are more gaps than entries.
    """

    def __init__(self, pool: MemoryPool) -> None:
        """`pool`: counts the entries' bytes."""
        self.pool = pool
        self.frame_bytes = 0
        self._cursors: list[int] = []
        self._marks: list[int] = []
        self._items: list[tuple[Hashable, Entry] | None] = []
        self._by_name: dict[Hashable, int] = {}
        self._first = 0  # no entry lies before that index

    def __len__(self) -> int:
        return len(self._by_name)

    def __contains__(self, name: Hashable) -> bool:
        return name in self._by_name

    @property
    def held_bytes(self) -> int:
        """The bytes that these entries count in the pool."""
        return self.frame_bytes + ENTRY_OVERHEAD_BYTES * len(self._by_name)

    @property
    def first_cursor(self) -> int:
        """The cursor of the oldest entry. Raises IndexError if there is none."""
        self._skip_gaps()
        return self._cursors[self._first]

    def add(self, cursor: int, name: Hashable, entry: Entry, mark: int = 0) -> None:
        """Append an entry under a new name. `cursor` is larger than any before; `mark` rises likewise."""
        self._cursors.append(cursor)
        self._marks.append(mark)
        self._items.append((name, entry))
        self._by_name[name] = cursor
        size = len(entry.frame)
        self.frame_bytes += size
        self.pool.used_bytes += size + ENTRY_OVERHEAD_BYTES

    def get(self, name: Hashable) -> Entry | None:
        """Return the entry of that name."""
        cursor = self._by_name.get(name)
        item = None if cursor is None else self._items[bisect_left(self._cursors, cursor)]
        return None if item is None else item[1]

    def drop(self, name: Hashable) -> None:
        """Drop the entry of that name, if there is one."""
        cursor = self._by_name.get(name)
        if cursor is not None:
            self._drop_at(bisect_left(self._cursors, cursor))

    def drop_oldest(self) -> tuple[int, Entry]:
        """Drop the oldest entry; return its cursor and it. Raises IndexError if there is none."""
        self._skip_gaps()
        cursor = self._cursors[self._first]
        return cursor, self._drop_at(self._first)

    def clear(self) -> None:
        """Drop all entries."""
        self.pool.used_bytes -= self.held_bytes
        self.frame_bytes = self._first = 0
        self._by_name.clear()
        for column in (self._cursors, self._marks, self._items):
            column.clear()

    def entries(self) -> list[Entry]:
        """Return all entries, oldest first."""
        return [item[1] for item in self._items if item is not None]

    def read(
        self, after: int, until: int, max_bytes: int, frame_of: Callable[[Entry], bytes | None]
    ) -> tuple[list[bytes], int]:
        """Return the frames of entries after `after` up to `until`, and the cursor behind them.

        Oldest first, one frame at least and otherwise at most `max_bytes`: read on for the rest. `frame_of` returns
        None for an entry that is left out.
        """
        frames: list[bytes] = []
        size = 0
        cursors, items = self._cursors, self._items
        for index in range(max(self._first, bisect_right(cursors, after)), bisect_right(cursors, until)):
            if (item := items[index]) is None or (frame := frame_of(item[1])) is None:
                continue
            size += len(frame)
            if size > max_bytes and frames:
                return frames, cursors[index - 1]
            frames.append(frame)
        return frames, max(after, until)

    def cursor_before(self, mark: int, start: int) -> int:
        """Return the last cursor after `start` whose mark is at most `mark`; `start` if there is none."""
        first = bisect_right(self._cursors, start)
        index = bisect_right(self._marks, mark, first)
        return self._cursors[index - 1] if index > first else start

    def _skip_gaps(self) -> None:
        while self._items[self._first] is None:
            self._first += 1

    def _drop_at(self, index: int) -> Entry:
        item = self._items[index]
        if item is None:
            raise LookupError("this entry was dropped already")
        name, entry = item
        self._items[index] = None
        del self._by_name[name]
        size = len(entry.frame)
        self.frame_bytes -= size
        self.pool.used_bytes -= size + ENTRY_OVERHEAD_BYTES
        if len(self._items) > 2 * len(self._by_name) + MAX_GAPS:
            kept = [index for index in range(self._first, len(self._items)) if self._items[index] is not None]
            self._cursors = [self._cursors[index] for index in kept]
            self._marks = [self._marks[index] for index in kept]
            self._items = [self._items[index] for index in kept]
            self._first = 0
        return entry
