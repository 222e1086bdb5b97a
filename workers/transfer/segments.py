"""Which bytes of a file the next connection is to bring, and from which connection it takes them. No I/O."""

from collections import deque
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from workers.disk.writer import Writer
from workers.http.byte_ranges import Span, Spans, merge_ranges, missing_ranges

MIN_SEGMENT_BYTES = 64 * 1024
MIN_REMAINING_S = 1.0  # a part that takes no longer is left to its connection
MIN_IDLE_REMAINING_S = 0.25  # the same, where a connection has finished its own part
RATE_WINDOW_S = 2.0
MIN_AGE_S = 0.05  # a younger one has no speed yet: its first bytes came together
SETTLING_S = 1.0  # a younger connection is taken for as fast as the fastest: servers begin in bursts


@dataclass(slots=True, eq=False)
class Segment:
    """[start, end) of the file, by one connection; `at`: received so far. `asked`: `end`, before others took of it."""

    start: int
    at: int
    end: int
    asked: int
    writer: Writer
    _samples: deque[tuple[float, int]] = field(default_factory=deque)

    @property
    def span(self) -> Span:
        """The bytes that the connection is to bring."""
        return self.start, self.end

    @property
    def age_s(self) -> float:
        """How long it has been measured, at most RATE_WINDOW_S and a sample."""
        return self._samples[-1][0] - self._samples[0][0] if self._samples else 0.0

    @property
    def rate(self) -> float:
        """Bytes a second over that time."""
        return (self._samples[-1][1] - self._samples[0][1]) / self.age_s if self.age_s else 0.0

    def sample(self, now_s: float) -> None:
        """Note how far the connection is."""
        self._samples.append((now_s, self.at))
        while len(self._samples) > 2 and self._samples[1][0] <= now_s - RATE_WINDOW_S:
            self._samples.popleft()


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
    rates that it and the fastest one have. All of them are taken from one that brings nothing any more.
    """
    owned = merge_ranges([*done, *(segment.span for segment in segments), *(opening.span for opening in openings)])
    free = missing_ranges(owned, total)
    if free:
        return Opening(free[0], None)
    victims = {opening.victim for opening in openings}
    fastest = max((segment.rate for segment in segments if segment.age_s >= MIN_AGE_S), default=0.0)
    rates = {
        segment: segment.rate if segment.age_s >= SETTLING_S else fastest
        for segment in segments
        if segment not in victims
    }
    is_known = fastest or any(segment.age_s >= RATE_WINDOW_S for segment in rates)
    if not rates or not is_known:
        return None
    victim = max(rates, key=lambda segment: (segment.end - segment.at) / max(rates[segment], 1.0))
    rate, left = rates[victim], victim.end - victim.at
    if left <= min_remaining_s * rate:
        return None
    kept = max(left * rate / max(fastest + rate, 1.0), min(MIN_SEGMENT_BYTES, rate * min_remaining_s))
    start = victim.at + int(kept)
    is_worth_it = victim.end - start >= MIN_SEGMENT_BYTES or not rate
    return Opening((start, victim.end), victim) if is_worth_it else None


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
        if victim not in segments or victim.at > start or victim.end != end:
            return False
        victim.end = start
        return True
    owned = merge_ranges([*done, *(segment.span for segment in segments)])
    return all(last <= start or first >= end for first, last in owned)
