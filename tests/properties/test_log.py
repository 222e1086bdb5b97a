"""The log, compared with one that keeps everything and searches all of it."""

from collections.abc import Sequence
from dataclasses import dataclass

from hypothesis import given, settings
from hypothesis import strategies as st

from simulcast.frontend.fanout.entries import Entry
from simulcast.frontend.fanout.log import Log
from tests.fake_clients import entries_after, entry, log_frames

MAX_ENTRIES = 6
MAX_BYTES = 160


@dataclass
class Kept:
    cursor: int
    entry: Entry
    epoch: int
    gone: str = ""  # "superseded" or "trimmed"


class NaiveLog:
    def __init__(self) -> None:
        self.all: list[Kept] = []
        self.epoch = 0
        self.began_at = 0

    def append(self, new: Entry) -> None:
        if new.label[0] != "-":
            for each in self._here():
                stored = each.entry.offset > 0
                if each.entry.label == "p" and each.entry.key == new.key and (new.offset or not stored):
                    each.gone = "superseded"
        self.all.append(Kept(len(self.all) + 1, new, self.epoch))
        while len(self._here()) > MAX_ENTRIES or sum(len(each.entry.frame) for each in self._here()) > MAX_BYTES:
            self._here()[0].gone = "trimmed"

    def since(self, cursor: int) -> list[bytes] | None:
        if any(each.gone == "trimmed" and each.cursor > cursor for each in self.all):
            return None
        return [each.entry.frame for each in self._here() if each.cursor > cursor]

    def after(self, offset: int) -> list[bytes] | None:
        mine = [each for each in self.all if each.epoch == self.epoch and each.entry.offset]
        if offset < self.began_at or any(each.gone == "trimmed" and each.entry.offset > offset for each in mine):
            return None
        return [each.entry.frame for each in mine if not each.gone and each.entry.offset > offset]

    def _here(self) -> list[Kept]:
        return [each for each in self.all if not each.gone]


Append = tuple[str, str, int, bool]
appends = st.tuples(st.sampled_from("ppse-"), st.sampled_from("ab"), st.integers(0, 50), st.booleans())


@settings(max_examples=200)
@given(st.lists(appends, max_size=40), st.integers(1, 120))
def test_it_answers_every_cursor_and_every_offset_as_one_that_forgets_nothing(
    appended: list[Append], slice_bytes: int
) -> None:
    compare(list(appended), slice_bytes, began_at=0)


@settings(max_examples=300)
@given(st.lists(st.one_of(appends, st.just("another epoch")), max_size=40), st.integers(1, 120), st.integers(0, 5))
def test_so_it_does_through_changes_of_the_epoch(steps: list[Append | str], slice_bytes: int, began_at: int) -> None:
    compare(steps, slice_bytes, began_at)


def compare(steps: Sequence[Append | str], slice_bytes: int, began_at: int) -> None:
    """`began_at`: the offset at which each further epoch begins here."""
    log, naive = Log(MAX_ENTRIES, MAX_BYTES), NaiveLog()
    offset = 0
    for number, step in enumerate(steps):
        if isinstance(step, str):
            offset = naive.began_at = began_at
            naive.epoch += 1
            log.restart_after(offset)
        else:
            kind, key, size, foreign = step
            offset += not foreign
            label = kind if kind in "p-" else f"{kind}:download_paused:1:{number}"
            new = entry(f"{number}" + "x" * size, label, "" if kind == "-" else key, 0 if foreign else offset)
            log.append(new)
            naive.append(new)
        assert log.head == len(naive.all)
        for cursor in range(log.head + 1):
            _check_slices(log, cursor, naive.since(cursor), slice_bytes)
        for asked in range(naive.began_at, offset + 1):
            expected = naive.after(asked)
            found = entries_after(log, asked)
            assert (None if found is None else [each.frame for each in found]) == expected


def _check_slices(log: Log, cursor: int, expected: list[bytes] | None, most_bytes: int) -> None:
    if expected is None:
        assert log_frames(log, cursor, most_bytes) is None
        return
    got: list[bytes] = []
    while True:
        found = log_frames(log, cursor, most_bytes)
        assert found is not None
        frames, cursor = found
        if not frames:
            break
        assert sum(map(len, frames)) <= most_bytes or len(frames) == 1
        got.extend(frames)
    assert cursor == log.head
    assert b"".join(got) == b"".join(expected)
