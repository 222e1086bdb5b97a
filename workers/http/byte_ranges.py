"""Which bytes of a file are there: sorted spans [start, end) that neither touch nor overlap. No I/O."""

from collections.abc import Iterable

Span = tuple[int, int]
Spans = tuple[Span, ...]


def merge_ranges(spans: Iterable[Span]) -> Spans:
    """Any spans, put in order; empty ones are left out."""
    found: list[Span] = []
    for start, end in sorted(span for span in spans if span[0] < span[1]):
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        else:
            found.append((start, end))
    return tuple(found)


def missing_ranges(spans: Spans, total: int) -> Spans:
    """Return the ranges of [0, total) that are in none of the spans."""
    ends = [0, *(end for _, end in spans)]
    starts = [*(start for start, _ in spans), total]
    return tuple((end, start) for end, start in zip(ends, starts, strict=True) if end < start)


def length(spans: Iterable[Span]) -> int:
    """Return the number of bytes in all of them."""
    return sum(end - start for start, end in spans)


def validate_ranges(spans: Iterable[Iterable[int]], total: int) -> Spans | None:
    """The same as spans of a file of `total` bytes; None where they can't be."""
    found = tuple((start, end) for start, end in spans)
    fits = all(0 <= start < end <= total for start, end in found)
    return found if fits and merge_ranges(found) == found else None
