"""What goes on in one channel, for who joins: newest state event and progress of each download, and recent ends."""

from collections import OrderedDict, deque
from collections.abc import Callable

from simulcast.frontend.fanout.log import Entry

ENDED_TTL_S = 600.0
MAX_ENTRIES = 30_000
MAX_BYTES = 32 * 1024 * 1024


class Snapshot:
    """At most MAX_ENTRIES entries and MAX_BYTES of frames; beyond, the oldest are forgotten.

    `clock`: seconds, monotonic.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._entries: OrderedDict[tuple[str, str], Entry] = OrderedDict()
        self._ends: deque[tuple[float, Entry]] = deque()
        self._bytes = 0

    def apply(self, entry: Entry, ended_ago_s: float = 0.0) -> None:
        """Takes one event in; those without a key leave no trace."""
        kind = entry.label[0]
        if kind == "-":
            return
        if kind == "e":
            self._drop(("s", entry.key))
            self._drop(("p", entry.key))
            self._ends.append((self._clock() - ended_ago_s, entry))
        place = (kind, entry.key)
        self._drop(place)
        self._entries[place] = entry
        self._bytes += len(entry.frame)
        while len(self._entries) > MAX_ENTRIES or self._bytes > MAX_BYTES:
            self._drop(next(iter(self._entries)))
        self._forget_old_ends()

    def newest_by_key(self) -> "Snapshot":
        """An empty one by the same clock."""
        return Snapshot(self._clock)

    def __bool__(self) -> bool:
        return bool(self._entries)

    def forget(self, key: str) -> None:
        """Nothing of that download is in it any more."""
        for kind in "spe":
            self._drop((kind, key))

    def clear(self) -> None:
        """Forgets everything: another epoch begins."""
        self._entries.clear()
        self._ends.clear()
        self._bytes = 0

    def entries(self) -> list[Entry]:
        """All of them, oldest first."""
        self._forget_old_ends()
        return list(self._entries.values())

    def _drop(self, place: tuple[str, str]) -> None:
        gone = self._entries.pop(place, None)
        if gone is not None:
            self._bytes -= len(gone.frame)

    def _forget_old_ends(self) -> None:
        while self._ends and (self._clock() - self._ends[0][0] > ENDED_TTL_S or len(self._ends) > MAX_ENTRIES):
            _, entry = self._ends.popleft()
            place = ("e", entry.key)
            if self._entries.get(place) is entry:
                self._drop(place)
