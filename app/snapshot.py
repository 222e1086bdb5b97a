"""What goes on in one channel, for who joins: newest state event and progress of each download, and recent ends."""

from collections import OrderedDict, deque
from collections.abc import Callable

from app.log import Entry

ENDED_FOR_S = 600.0
MOST_ENTRIES = 30_000


class Snapshot:
    """At most MOST_ENTRIES entries; beyond, the oldest are forgotten. `clock`: seconds, monotonic."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._entries: OrderedDict[tuple[str, str], Entry] = OrderedDict()
        self._ends: deque[tuple[float, Entry]] = deque()
        self._joined: bytes | None = None

    def apply(self, entry: Entry, ended_ago_s: float = 0.0) -> None:
        """Takes one event in; those without a key leave no trace."""
        kind = entry.label[0]
        if kind == "-":
            return
        self._joined = None
        if kind == "e":
            self._entries.pop(("s", entry.key), None)
            self._entries.pop(("p", entry.key), None)
            self._ends.append((self._clock() - ended_ago_s, entry))
        place = (kind, entry.key)
        self._entries[place] = entry
        self._entries.move_to_end(place)
        while len(self._entries) > MOST_ENTRIES:
            self._entries.popitem(last=False)
        self._forget_old_ends()

    def clear(self) -> None:
        """Forgets everything: another epoch begins."""
        self._entries.clear()
        self._ends.clear()
        self._joined = None

    def entries(self) -> list[Entry]:
        """All of them, oldest first."""
        self._forget_old_ends()
        return list(self._entries.values())

    def frames(self) -> bytes:
        """The frames of all entries, joined."""
        self._forget_old_ends()
        if self._joined is None:
            self._joined = b"".join(entry.frame for entry in self._entries.values())
        return self._joined

    def _forget_old_ends(self) -> None:
        while self._ends and (self._clock() - self._ends[0][0] > ENDED_FOR_S or len(self._ends) > MOST_ENTRIES):
            _, entry = self._ends.popleft()
            place = ("e", entry.key)
            if self._entries.get(place) is entry:
                del self._entries[place]
                self._joined = None
