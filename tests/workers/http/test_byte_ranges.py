"""Spans, compared with sets of bytes."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from workers.http.byte_ranges import length, merge_ranges, missing_ranges, validate_ranges

TOTAL = 40
spans = st.lists(st.tuples(st.integers(0, TOTAL), st.integers(0, TOTAL)), max_size=8)


def members(found: object) -> set[int]:
    return {byte for start, end in found for byte in range(start, end)}  # type: ignore[attr-defined]


@given(spans)
def test_joined_spans_are_the_same_bytes_in_order_and_apart(given_spans: list[tuple[int, int]]) -> None:
    found = merge_ranges(given_spans)
    assert members(found) == members(given_spans)
    assert all(before[1] < after[0] for before, after in pairwise(found))
    assert all(start < end for start, end in found)
    assert length(found) == len(members(found))


@given(spans)
def test_what_is_missing_is_every_other_byte(given_spans: list[tuple[int, int]]) -> None:
    found = missing_ranges(merge_ranges(given_spans), TOTAL)
    assert members(found) == set(range(TOTAL)) - members(given_spans)
    assert merge_ranges(found) == found


@given(spans)
def test_only_what_was_joined_is_taken_from_a_record(given_spans: list[tuple[int, int]]) -> None:
    good = merge_ranges(given_spans)
    assert validate_ranges([list(span) for span in good], TOTAL) == good
    if tuple(given_spans) != good:
        assert validate_ranges(given_spans, TOTAL) is None
    if good:
        assert validate_ranges(good, good[-1][1] - 1) is None
