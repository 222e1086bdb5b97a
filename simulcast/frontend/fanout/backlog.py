"""The events that a client is owed, read in slices: a place in the snapshot or the log, and no copy of either.

A joining client reads the snapshot as it was when it joined, without what newer events superseded meanwhile, and then
the log from there. Clients at the same place get the same bytes, encoded once.
"""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from enum import Enum, auto
from itertools import count

from simulcast.frontend.fanout.entries import Entry
from simulcast.frontend.fanout.log import Log
from simulcast.frontend.fanout.snapshot import ChannelSnapshot
from simulcast.frontend.fanout.view import View

SLICE_BYTES = 64 * 1024  # written to a client before its socket must drain again, unless one event is larger
MAX_CACHED_BYTES = 16 * 1024 * 1024
SNAPSHOT_CACHE_TTL_S = 1.0

_serials = count()


class Part(Enum):
    """The part of what it is owed that a client reads now."""

    RUNNING = auto()  # the snapshot's downloads that have not ended
    ENDED = auto()  # the others; LIVE follows
    SNAPSHOT = auto()  # all of it, by position, so that a client that is cut can resume; LIVE follows
    MISSED = auto()  # the log without what was live only; LIVE follows
    LIVE = auto()  # the log


_SNAPSHOT_PARTS = (Part.RUNNING, Part.ENDED, Part.SNAPSHOT)


@dataclass(slots=True)
class BacklogPosition:
    """A client's place. `cursor` and `until` lie in the snapshot or the log, `live_from` in the log."""

    part: Part
    cursor: int
    until: int
    live_from: int

    @property
    def in_snapshot(self) -> bool:
        """True while it reads the snapshot."""
        return self.part in _SNAPSHOT_PARTS

    def finish_part(self) -> None:
        """Go on with the next part."""
        if self.part is Part.RUNNING:
            self.part, self.cursor = Part.ENDED, 0
        else:
            self.part, self.cursor = Part.LIVE, self.live_from


@dataclass(frozen=True, slots=True)
class Slice:
    """Encoded frames of `events` events. `cursor`: where to read on."""

    batch: bytes
    events: int
    cursor: int


class SliceCache:
    """The slices read last, at most MAX_CACHED_BYTES, for a process."""

    def __init__(self) -> None:
        self._slices: OrderedDict[Hashable, Slice] = OrderedDict()
        self._bytes = 0

    def get(self, key: Hashable) -> Slice | None:
        """Return the slice that was put under that key."""
        return self._slices.get(key)

    def put(self, key: Hashable, piece: Slice) -> None:
        """Keep a slice, in place of the oldest ones."""
        if key in self._slices:
            self._bytes -= len(self._slices.pop(key).batch)
        self._slices[key] = piece
        self._bytes += len(piece.batch)
        while self._bytes > MAX_CACHED_BYTES or len(self._slices) > MAX_CACHED_BYTES // SLICE_BYTES * 16:
            self._bytes -= len(self._slices.popitem(last=False)[1].batch)


class Backlog:
    """The log and the snapshot of one channel."""

    def __init__(self, log: Log, snapshot: ChannelSnapshot, cache: SliceCache, clock: Callable[[], float]) -> None:
        """`cache`: shared by all channels. `clock`: seconds, monotonic."""
        self.log = log
        self.snapshot = snapshot
        self._cache = cache
        self._clock = clock
        self._serial = next(_serials)

    def at_snapshot(self, resumable: bool) -> BacklogPosition:
        """Return the place of a client that joins with the snapshot.

        `resumable`: by position, for clients that resume after the newest one they saw; else running downloads first.
        """
        if not self.snapshot:
            return self.at_cursor(self.log.head)
        return BacklogPosition(Part.SNAPSHOT if resumable else Part.RUNNING, 0, self.snapshot.head, self.log.head)

    def at_offset(self, offset: int) -> BacklogPosition | None:
        """Return the place of a client that has that offset of the current epoch; None if the log lacks the next."""
        cursor, head = self.log.cursor_after(offset), self.log.head
        return None if cursor is None else BacklogPosition(Part.MISSED, cursor, head, head)

    def at_cursor(self, cursor: int) -> BacklogPosition:
        """Return the place of a client that has every event up to that cursor of the log."""
        return BacklogPosition(Part.LIVE, cursor, cursor, cursor)

    def read(self, view: View, place: BacklogPosition) -> Slice | None:
        """Return what is owed next; None if some of it was trimmed.

        A slice without bytes ends the part, or the log. Others hold SLICE_BYTES at most, before they are compressed, or
        one event.
        """
        if not place.in_snapshot and not self.log.covers(place.cursor):
            return None
        until = self.log.head if place.part is Part.LIVE else place.until
        version = self._snapshot_version(place) if place.in_snapshot else self.log.head
        key = (
            self._serial,
            view.with_channel,
            view.download_id,
            view.joined,
            view.deflate,
            place.part,
            place.cursor,
            version,
        )
        start, piece = place.cursor, self._cache.get(key)
        if piece is not None and not piece.batch and piece.cursor < until:  # nothing of this part lies before
            start, piece = piece.cursor, None
        if piece is None or piece.cursor > until:
            source = self.snapshot if place.in_snapshot else self.log
            read = source.read(start, until, SLICE_BYTES, self._frame_of(view, place))
            if read is None:
                return None
            batch = b"".join(read[0])
            piece = Slice(view.encode(batch), len(read[0]), read[1])
            if batch or place.in_snapshot:  # a crowd looks once through thousands of downloads that have ended
                self._cache.put(key, piece)
        return piece

    def _snapshot_version(self, place: BacklogPosition) -> Hashable:
        """Return a value that stays for as long as cached slices may be read.

        They lack what came meanwhile, which lies behind them, and have what it superseded, which is older.
        """
        # A download that began again since that client joined is still among the ended ones for it.
        until = place.until if place.until < self.snapshot.begun_again else None
        return int(self._clock() / SNAPSHOT_CACHE_TTL_S), self.snapshot.generation, until

    def _frame_of(self, view: View, place: BacklogPosition) -> Callable[[Entry], bytes | None]:
        part, until = place.part, place.until
        if part is Part.RUNNING:
            return lambda entry: None if self.snapshot.is_over(entry, until) else view.frame(entry)
        if part is Part.ENDED:
            return lambda entry: view.frame(entry) if self.snapshot.is_over(entry, until) else None
        if part is Part.MISSED:
            return lambda entry: view.frame(entry) if entry.offset else None
        return view.frame
