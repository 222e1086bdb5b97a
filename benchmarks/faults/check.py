"""The checker: what was published against what each client got. Pure: no I/O, and nothing of what it checks.

Every acknowledged event must reach every client once and in order, with these exceptions. Progress is pardoned where
something newer of its download came. What is neither progress nor the end of a download is pardoned inside a gap that
was announced: `"recovered":false` for a client that keeps its position, a new connection for one that doesn't. The end
of a download is never pardoned.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from benchmarks.faults.journal import ENDS, Kind, Published, Seen

MAX_EXAMPLES = 5
_NEVER = float("inf")


@dataclass(slots=True)
class Finding:
    """One client's. `strange`: events that nobody published, or whose publishing was refused.

    `gaps`: how often it was told that it can't have everything, or, of a bare client, how often it had to come back.
    """

    client: str
    received: int = 0
    lost: Counter[Kind] = field(default_factory=Counter)
    in_gap: Counter[Kind] = field(default_factory=Counter)
    duplicated: Counter[Kind] = field(default_factory=Counter)
    reordered: Counter[Kind] = field(default_factory=Counter)
    strange: int = 0
    gaps: int = 0
    longest_silence_s: float = 0.0
    examples: list[str] = field(default_factory=list)

    @property
    def wrong(self) -> int:
        """How much there is that mustn't be."""
        counters = (self.lost, self.duplicated, self.reordered)
        return sum(counter.total() for counter in counters) + self.strange

    def note(self, what: str, ident: str) -> None:
        """Keeps the first few, to look for."""
        if len(self.examples) < MAX_EXAMPLES:
            self.examples.append(f"{what} {ident}")


@dataclass(slots=True)
class _Gap:
    after: int  # number of the newest event that came before it
    until: float = _NEVER  # what was published from then on must come


class _Reading:
    """One client's journal, line by line."""

    def __init__(self, client: str, kept: bool, index: Mapping[str, int], published: Sequence[Published]) -> None:
        self.finding = Finding(client)
        self.got = bytearray(len(published))
        self._kept = kept
        self._index = index
        self._published = published
        self._begins = min((each.called_at for each in published), default=0.0)
        self._ends = max((each.called_at for each in published), default=0.0)
        self._joined_at = _NEVER
        self._heard_at = self._begins
        self._here: dict[str, str] = {}  # on this connection: ident → event_id
        self._order: dict[str, int] = {}  # key → number, within what must be in order
        self._ended: dict[str, int] = {}  # key → the attempt that has ended, within what must be in order
        self._newest: dict[str, int] = {}  # key → number, of all that came
        self._furthest = -1
        self._gaps: list[_Gap] = []
        self._hello: Seen | None = None
        self._epoch = ""
        self._offset = 0
        self._left: set[str] = set()
        self._may_fall = False  # the ids, once: of a snapshot, running downloads come first, and ended ones then
        self._reached: dict[str, int] = {}  # epoch → newest offset
        self._jobs: set[str] = set()  # keys of downloads with a record
        self._states: set[tuple[str, str]] = set()  # of their attempts, that came

    def take(self, seen: Seen) -> None:
        if seen.what == "opened":
            self._opened(seen)
        elif seen.what == "hello":
            self._greeted(seen)
        else:
            self._take_event(seen)

    def _opened(self, seen: Seen) -> None:
        first = self._joined_at == _NEVER
        self._here.clear()
        self._may_fall = not self._kept
        if first:
            self._joined_at = seen.at
        elif not self._kept:
            self._begin_gap(_Gap(self._furthest))

    def _greeted(self, seen: Seen) -> None:
        first, self._hello = self._hello is None, seen
        if first:
            self._joined_at = seen.at
        elif not seen.recovered:
            self._begin_gap(_Gap(self._furthest, seen.at))

    def _begin_gap(self, gap: _Gap) -> None:
        self._gaps.append(gap)
        self.finding.gaps += 1
        self._order.clear()
        self._ended.clear()
        self._epoch, self._offset = "", 0
        self._left.clear()

    def _take_event(self, seen: Seen) -> None:
        self.finding.received += 1
        self._hear(seen.at)
        if self._gaps and self._gaps[-1].until == _NEVER:
            self._gaps[-1].until = seen.at
        self._look_at_place(seen)
        if not seen.ident:
            if self._is_behind_end(seen):
                self._reordered(seen)
            return
        place = self._index.get(seen.ident)
        if place is None or self._published[place].outcome == "refused":
            self.finding.strange += 1
            self.finding.note("nobody published", seen.ident)
            return
        if self._is_repeated(seen, bool(self.got[place])):
            self.finding.duplicated[seen.kind] += 1
            self.finding.note("twice:", f"{seen.ident} {seen.event_id}")
        elif seen.number < self._order.get(seen.key, -1) or self._is_behind_end(seen):
            self._reordered(seen)
        if seen.is_end:
            self._ended[seen.key] = seen.attempt
        if "/" in seen.ident:
            self._jobs.add(seen.key)
            self._states.add(_state(seen.ident))
        self.got[place] = 1
        self._here[seen.ident] = seen.event_id
        for known in (self._order, self._newest):
            known[seen.key] = max(seen.number, known.get(seen.key, -1))
        if self._published[place].number >= 0:
            self._furthest = max(self._furthest, seen.number)

    def _is_behind_end(self, seen: Seen) -> bool:
        """Return whether the attempt has ended. A deletion may follow, and an end that overtook a command."""
        may_follow = seen.event == "deleted" or seen.overtaken
        return seen.attempt <= self._ended.get(seen.key, -1) and not may_follow

    def _hear(self, at: float) -> None:
        if self._heard_at < self._ends:
            self.finding.longest_silence_s = max(self.finding.longest_silence_s, at - self._heard_at)
        self._heard_at = max(at, self._begins)

    def _is_repeated(self, seen: Seen, came_before: bool) -> bool:
        """A client without a position may be told again on a new connection, the other kind in a snapshot alone.

        Progress may be published twice where a reply was lost; that shows by its having two ids.
        """
        here = self._here.get(seen.ident)
        if here is not None:
            return seen.kind != "progress" or here == seen.event_id
        if not came_before or not self._kept or self._is_of_snapshot(seen):
            return False
        return seen.kind != "progress"

    def _is_of_snapshot(self, seen: Seen) -> bool:
        hello = self._hello
        if hello is None or hello.recovered:
            return False
        epoch, offset = _place(hello.event_id)
        own_epoch, own_offset = _place(seen.event_id)
        return own_epoch != epoch or own_offset <= offset

    def _look_at_place(self, seen: Seen) -> None:
        if not seen.event_id:
            return
        epoch, offset = _place(seen.event_id)
        self._reached[epoch] = max(offset, self._reached.get(epoch, 0))
        if epoch in self._left or (epoch == self._epoch and offset < self._offset):
            if not self._may_fall:
                self._reordered(seen)
                return
            self._may_fall = False
            self._left.clear()
            self._epoch, self._offset = epoch, offset
        elif (epoch, offset) == (self._epoch, self._offset) and not seen.ident:
            self.finding.duplicated[seen.kind] += 1
            self.finding.note("twice:", seen.event_id)
        elif epoch != self._epoch:
            self._left.add(self._epoch)
            self._epoch, self._offset = epoch, offset
            # A server that took over may lack ends that were not acknowledged; the judge counts those of each attempt.
            for key in self._jobs & self._ended.keys():
                del self._ended[key]
        else:
            self._offset = offset

    def _reordered(self, seen: Seen) -> None:
        self.finding.reordered[seen.kind] += 1
        self.finding.note("not in order:", f"{seen.ident} {seen.event_id}")

    def leave(self) -> None:
        """Its journal is over: what only a connection needs is forgotten, or an hour's takes gigabytes."""
        self._here.clear()
        self._hear(self._ends)

    def close(self, told: bytearray) -> Finding:
        """`told`: which events whose fate the publisher doesn't know were seen by anybody."""
        for place, each in enumerate(self._published):
            is_due = each.outcome == "acknowledged" or told[place]
            if self.got[place] or not is_due or each.called_at < self._joined_at or self._is_pardoned(each):
                continue
            if each.kind == "progress" and self._newest.get(each.key, -1) > each.number:
                continue
            if not each.is_end and any(_covers(gap, each) for gap in self._gaps):
                self.finding.in_gap[each.kind] += 1
            else:
                self.finding.lost[each.kind] += 1
                self.finding.note("lost:", each.ident)
        return self.finding

    def _is_pardoned(self, event: Published) -> bool:
        """Return whether the client followed another server by then, and received there how the attempt ended.

        There it may have had another number: where no server answered the first report, a worker makes a second one.
        Of a download that was submitted and deleted on the server before alone, it may have received nothing.
        """
        state = _state(event.ident)
        if not event.positions or (state[1] in {*ENDS, "deleted"} and state in self._states):
            return bool(event.positions)
        is_due = event.is_end and not (event.ident.endswith(".deleted") and event.key not in self._jobs)
        return not is_due and all(
            self._reached.get(epoch, 0) < offset for epoch, offset in map(_place, event.positions)
        )


def _state(ident: str) -> tuple[str, str]:
    """Return attempt and state of what a worker or a command published, without the number of the change."""
    attempt, _, change = ident.partition(".")
    return attempt, change.partition(".")[2]


def _place(event_id: str) -> tuple[str, int]:
    epoch, _, offset = event_id.rpartition("-")
    return epoch, int(offset or 0)


def _covers(gap: _Gap, event: Published) -> bool:
    if event.number < 0:  # a worker published it, at a time that nobody wrote down
        return True
    return event.number > gap.after and event.called_at < gap.until


def check(published: Iterable[Published], clients: Iterable[tuple[str, bool, Iterable[Seen]]]) -> list[Finding]:
    """A finding a client. `clients`: name, whether it keeps its position, and its journal, oldest first."""
    rows = list(published)
    index = {each.ident: place for place, each in enumerate(rows)}
    readings = []
    for name, kept, journal in clients:
        reading = _Reading(name, kept, index, rows)
        for seen in journal:
            reading.take(seen)
        reading.leave()
        readings.append(reading)
    told = bytearray(len(rows))
    for place in _unknown(rows):
        told[place] = any(reading.got[place] for reading in readings)
    return [reading.close(told) for reading in readings]


def _unknown(rows: Sequence[Published]) -> Iterator[int]:
    return (place for place, each in enumerate(rows) if each.outcome == "unknown")
