"""What came lately in one channel, oldest first, with what is superseded left out.

Newer progress supersedes older progress of its download; a state event supersedes its progress; nothing supersedes a
state event, or an event without a key.
"""

from collections import OrderedDict
from dataclasses import dataclass

MAX_ENTRIES = 16_384
MAX_BYTES = 16 * 1024 * 1024
MAX_CACHED_READS = 64
_LIVE_ONLY = "\n"  # before the key of progress that has no place in the history; no event's key has a line break


@dataclass(frozen=True, slots=True)
class Entry:
    """One event as it goes out. `offset`: its place in the channel's epoch, 0 for what was delivered live only."""

    offset: int
    label: str
    key: str
    frame: bytes


class Log:
    """At most MAX_ENTRIES entries and MAX_BYTES of frames; beyond, the oldest are trimmed and `since` says so.

    A cursor is a number that counts what was appended here; it means nothing elsewhere.
    """

    def __init__(self, max_entries: int = MAX_ENTRIES, max_bytes: int = MAX_BYTES) -> None:
        self._max_entries = max_entries
        self._max_bytes = max_bytes
        self._entries: OrderedDict[str | int, tuple[int, Entry]] = OrderedDict()
        self._bytes = 0
        self._trimmed = 0  # the highest cursor that was trimmed, not superseded
        self._complete_after = 0
        self._epoch_start = 0
        self._cached_reads: dict[int, list[Entry]] = {}  # a crowd that comes back at once asks for the same
        self.head = 0

    def restart_after(self, offset: int) -> None:
        """From here on positions are those of another epoch, of which all after `offset` will be appended."""
        self._epoch_start = self.head
        self._complete_after = offset
        self._cached_reads.clear()

    def append(self, entry: Entry) -> int:
        """Returns the new head."""
        self.head += 1
        self._cached_reads.clear()
        kind = entry.label[0]
        if kind != "-":
            self._supersede(_LIVE_ONLY + entry.key)
            if entry.offset:
                self._supersede(
                    entry.key
                )  # what is live only must not hide from those who recover what is in the history
        name: str | int = self.head
        if kind == "p":
            name = entry.key if entry.offset else _LIVE_ONLY + entry.key
        self._entries[name] = (self.head, entry)
        self._bytes += len(entry.frame)
        while len(self._entries) > self._max_entries or self._bytes > self._max_bytes:
            _, (cursor, oldest) = self._entries.popitem(last=False)
            self._bytes -= len(oldest.frame)
            self._trimmed = cursor
            if cursor > self._epoch_start:
                self._complete_after = max(self._complete_after, oldest.offset)
        return self.head

    def frames_since(self, cursor: int, max_bytes: int) -> tuple[list[bytes], int] | None:
        """Frames after `cursor`, and the cursor behind them; None where what came after it was trimmed.

        Oldest first, one frame at least and otherwise at most `most_bytes`: call again for the rest.
        """
        entries_since = self.entries_since(cursor)
        if entries_since is None:
            return None
        frames: list[bytes] = []
        size = 0
        for at, entry in entries_since:
            if frames and size + len(entry.frame) > max_bytes:
                return frames, cursor
            frames.append(entry.frame)
            size += len(entry.frame)
            cursor = at
        return frames, self.head

    def covers(self, cursor: int) -> bool:
        """Whether nothing that came after `cursor` was trimmed."""
        return cursor >= self._trimmed

    def entries_since(self, cursor: int) -> list[tuple[int, Entry]] | None:
        """What came after `cursor`, each with its own cursor, oldest first; None where some of it was trimmed."""
        if cursor < self._trimmed:
            return None
        found = []
        for place in reversed(self._entries.values()):
            if place[0] <= cursor:
                break
            found.append(place)
        found.reverse()
        return found

    def entries_after(self, offset: int) -> list[Entry] | None:
        """Everything kept after that offset of the present epoch, oldest first; None where that was trimmed."""
        if offset < self._complete_after:
            return None
        if offset in self._cached_reads:
            return self._cached_reads[offset]
        entries_since: list[Entry] = []
        for at, entry in reversed(self._entries.values()):
            if at <= self._epoch_start or 0 < entry.offset <= offset:
                break
            if entry.offset:
                entries_since.append(entry)
        entries_since.reverse()
        if len(self._cached_reads) < MAX_CACHED_READS:
            self._cached_reads[offset] = entries_since
        return entries_since

    def _supersede(self, key: str) -> None:
        superseded = self._entries.pop(key, None)
        if superseded is not None:
            self._bytes -= len(superseded[1].frame)
