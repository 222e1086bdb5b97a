"""Made-up events of a publisher, and the journal of a client that received them."""

from collections.abc import Iterator

from benchmarks.faults.check import Finding, check
from benchmarks.faults.journal import Published, Seen

# Two downloads: 0 started a, 1 started b, 2 progress a, 3 note, 4 progress a, 5 end of a, 6 end of b; one a second.
STARTED_A, STARTED_B, PROGRESS_1, NOTE, PROGRESS_2, END_A, END_B = range(7)
PUBLISHED = [
    Published("a/1", "a", "state", False, 0, 0.0, "acknowledged"),
    Published("b/1", "b", "state", False, 1, 1.0, "acknowledged"),
    Published("2", "a", "progress", False, 2, 2.0, "acknowledged"),
    Published("3", "", "other", False, 3, 3.0, "acknowledged"),
    Published("4", "a", "progress", False, 4, 4.0, "acknowledged"),
    Published("a/2", "a", "state", True, 5, 5.0, "acknowledged"),
    Published("b/2", "b", "state", True, 6, 6.0, "acknowledged"),
]
OPENED = Seen("opened", -1.0)
HELLO = Seen("hello", -1.0, event_id="7-0")


def got(number: int, late_s: float = 0.1, event_id: str = "") -> Seen:
    """Receipt of that event, with the id that it has when one was stored after the other."""
    each = PUBLISHED[number]
    event_id = event_id or f"7-{number + 1}"
    at, is_end = each.called_at + late_s, each.is_end
    return Seen("got", at, each.ident, each.key, each.kind, number, event_id, is_end=is_end)


def judged(journal: list[Seen], published: list[Published] | None = None, kept: bool = True) -> Finding:
    begun = [OPENED, HELLO] if kept else [OPENED]
    return check(published or PUBLISHED, [("one", kept, [*begun, *journal])])[0]


def all_but(*numbers: int) -> list[Seen]:
    return [got(number) for number in range(7) if number not in numbers]


def back(at: float, recovered: bool, position: str) -> Iterator[Seen]:
    """A client that keeps its position has come back."""
    yield Seen("opened", at)
    yield Seen("hello", at, event_id=position, recovered=recovered)
