"""Recent events of one channel, oldest first, without superseded ones.

Newer progress supersedes older progress of its download; a state event supersedes its progress; nothing supersedes a
state event, or an event without a key.
"""

from collections import OrderedDict
from dataclasses import dataclass

from simulcast.frontend.fanout.frames import text_frame
from simulcast.model.publication import Publication, with_event_id

MAX_ENTRIES = 16_384
MAX_BYTES = 16 * 1024 * 1024
MAX_CACHED_READS = 64
_LIVE_ONLY = "\n"  # before the key of progress that has no offset; no event's key has a line break


@dataclass(frozen=True, slots=True)
class Entry:
    """One event, framed. `offset`: its place in the channel's epoch, 0 for an event that was delivered live only."""

    offset: int
    label: str
    key: str
    frame: bytes


def frame_publication(publication: Publication, offset: int) -> Entry:
    """Return the publication as an entry with that offset."""
    frame = text_frame(with_event_id(publication.position, publication.payload))
    return Entry(offset, publication.label, publication.key, frame)


class Log:
    """At most `max_entries` entries and `max_bytes` of frames; beyond, the oldest are trimmed and reads return None.

    A cursor counts the entries that were appended here; it means nothing elsewhere.
    """

    def __init__(self, max_entries: int = MAX_ENTRIES, max_bytes: int = MAX_BYTES) -> None:
        self._max_entries = max_entries
        self._max_bytes = max_bytes
        self._entries: OrderedDict[str | int, tuple[int, Entry]] = OrderedDict()
        self._bytes = 0
        self._trimmed = 0  # the highest cursor that was trimmed, not superseded
        self._complete_after = 0  # the offset after which nothing was trimmed
        self._epoch_start = 0  # the cursor at which the epoch began
        self._cached_reads: dict[int, list[Entry]] = {}  # by offset: a crowd that reconnects reads the same
        self.head = 0

    def restart_after(self, offset: int) -> None:
        """Begin another run of offsets: every publication after `offset` will be appended."""
        self._epoch_start = self.head
        self._complete_after = offset
        self._cached_reads.clear()

    def append(self, entry: Entry) -> int:
        """Append, and return the new head."""
        self.head += 1
        self._cached_reads.clear()
        kind = entry.label[0]
        if kind != "-":
            self._supersede(_LIVE_ONLY + entry.key)
            if entry.offset:
                self._supersede(entry.key)  # a live-only event must not hide an event of the history from recovery
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
        """Return the frames after `cursor` and the cursor behind them; None if some were trimmed.

        Oldest first, one frame at least and otherwise at most `max_bytes`: call again for the rest.
        """
        entries = self.entries_since(cursor)
        if entries is None:
            return None
        frames: list[bytes] = []
        size = 0
        for at, entry in entries:
            if frames and size + len(entry.frame) > max_bytes:
                return frames, cursor
            frames.append(entry.frame)
            size += len(entry.frame)
            cursor = at
        return frames, self.head

    def covers(self, cursor: int) -> bool:
        """Return whether every later event is kept or superseded, and none was trimmed."""
        return cursor >= self._trimmed

    def entries_since(self, cursor: int) -> list[tuple[int, Entry]] | None:
        """Return the entries after `cursor` with their cursors, oldest first; None if some were trimmed."""
        if cursor < self._trimmed:
            return None
        entries = []
        for numbered in reversed(self._entries.values()):
            if numbered[0] <= cursor:
                break
            entries.append(numbered)
        entries.reverse()
        return entries

    def entries_after(self, offset: int) -> list[Entry] | None:
        """Return the entries after that offset of the current epoch, oldest first; None if some were trimmed."""
        if offset < self._complete_after:
            return None
        if offset in self._cached_reads:
            return self._cached_reads[offset]
        entries: list[Entry] = []
        for at, entry in reversed(self._entries.values()):
            if at <= self._epoch_start or 0 < entry.offset <= offset:
                break
            if entry.offset:
                entries.append(entry)
        entries.reverse()
        if len(self._cached_reads) < MAX_CACHED_READS:
            self._cached_reads[offset] = entries
        return entries

    def _supersede(self, key: str) -> None:
        superseded = self._entries.pop(key, None)
        if superseded is not None:
            self._bytes -= len(superseded[1].frame)
