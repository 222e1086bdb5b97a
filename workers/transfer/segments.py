"""Which bytes of a file the next connection is to bring, and from which connection it takes them. No I/O."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from workers.disk.writer import Writer
from workers.http.byte_ranges import Span, Spans, merge_ranges, missing_ranges

MIN_SEGMENT_BYTES = 64 * 1024
MIN_REMAINING_S = 1.0  # a part that takes no longer is left to its connection
MIN_IDLE_REMAINING_S = 0.25  # the same, where a connection has finished its own part
_SMOOTHING = 0.3  # weight of the newest sample in a rate


@dataclass(slots=True, eq=False)
class Segment:
    """[start, end) of the file, by one connection; `at`: received so far. `asked`: `end`, before others took of it.

    `rate`: present bytes a second; None until it has been sampled.
    """

    start: int
    at: int
    end: int
    asked: int
    writer: Writer
    rate: float | None = None
    _sampled_at: int = -1
    _sampled_s: float = 0.0

    @property
    def span(self) -> Span:
        """The bytes that the connection is to bring."""
        return self.start, self.end

    @property
    def remaining_s(self) -> float:
        """How long the rest takes at the present rate."""
        return (self.end - self.at) / max(self.rate or 0.0, 0.001)

    def sample(self, now_s: float) -> None:
        """Measure the rate since the last sample."""
        if self._sampled_at >= 0 and now_s > self._sampled_s:
            rate = (self.at - self._sampled_at) / (now_s - self._sampled_s)
            self.rate = rate if self.rate is None else _SMOOTHING * rate + (1 - _SMOOTHING) * self.rate
        if now_s > self._sampled_s:
            self._sampled_at, self._sampled_s = self.at, now_s


@dataclass(slots=True, eq=False)
class Opening:
    """A request for `span`, on its way; `victim`: the connection that it is taken from, None where it has none."""

    span: Span
    victim: Segment | None
    began_s: float = 0.0


def plan_next(
    total: int, done: Spans, segments: Sequence[Segment], openings: Collection[Opening], min_remaining_s: float
) -> Opening | None:
    """Return the request that makes the file complete soonest; None where none would.

    Bytes that no connection brings come first; then those of the connection that takes longest are shared, by the
    rates that it and the fastest one have.
    """
    owned = merge_ranges([*done, *(segment.span for segment in segments), *(opening.span for opening in openings)])
    free = missing_ranges(owned, total)
    if free:
        return Opening(free[0], None)
    victims = {opening.victim for opening in openings}
    candidates = [segment for segment in segments if segment.rate is not None and segment not in victims]
    if not candidates:
        return None
    victim = max(candidates, key=lambda segment: segment.remaining_s)
    rate, left = victim.rate or 0.0, victim.end - victim.at
    fastest = max(segment.rate or 0.0 for segment in candidates)
    if not fastest or victim.remaining_s <= min_remaining_s:
        return None
    kept = max(left * rate / (fastest + rate), min(MIN_SEGMENT_BYTES, rate * min_remaining_s))
    start = victim.at + int(kept)
    return Opening((start, victim.end), victim) if victim.end - start >= MIN_SEGMENT_BYTES else None


def reclaim(total: int, done: Spans, segments: Sequence[Segment], openings: Collection[Opening]) -> None:
    """Give bytes that no connection brings to the one before them, if its response still has them."""
    spans = [*done, *(segment.span for segment in segments), *(opening.span for opening in openings)]
    for start, end in missing_ranges(merge_ranges(spans), total):
        for segment in segments:
            if segment.end == start and segment.at < segment.end < segment.asked:
                segment.end = min(end, segment.asked)


def claim(opening: Opening, done: Spans, segments: Sequence[Segment]) -> bool:
    """Take the opening's bytes from the connection that had them; False where they are not to be had any more."""
    start, end = opening.span
    victim = opening.victim
    if victim is not None:
        if victim not in segments or victim.at >= start or victim.end != end:
            return False
        victim.end = start
        return True
    owned = merge_ranges([*done, *(segment.span for segment in segments)])
    return all(last <= start or first >= end for first, last in owned)
