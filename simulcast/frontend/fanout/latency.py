"""How long events of one channel take from Redis to their flush: a sample at each poll, of the newest event there is.

No event carries a time, so nothing is parsed and nothing travels further for it. Redis says how long ago it published
what is the newest (`Head.published_at`), and here it is remembered when that was flushed, or waited for.
"""

from collections import deque

from simulcast.frontend.fanout.counters import Counters
from simulcast.model.position import Position

MAX_PENDING_FLUSHES = 64  # remembered: as many as may lie between Redis' answer and its being read


class Latency:
    """One channel's samples. Times are seconds of the clock of `tally`."""

    def __init__(self, counters: Counters) -> None:
        self._counters = counters
        self._flushes: deque[tuple[Position, float]] = deque(maxlen=MAX_PENDING_FLUSHES)
        self._sampled: Position | None = None
        self._awaited: tuple[Position, float] | None = None

    def record_flush(self, position: Position) -> None:
        """All up to `position` has been written."""
        now = self._counters.clock()
        self._flushes.append((position, now))
        if self._awaited is not None:
            wanted, published_at = self._awaited
            if wanted.epoch != position.epoch:
                self._awaited = None
            elif wanted.offset <= position.offset:
                self._awaited = None
                self._counters.observe_latency(max(0.0, now - published_at))

    def record_head(self, position: Position, at: float | None) -> None:
        """The newest event there is, and when Redis published it; None where that isn't known."""
        if at is None or position == self._sampled or position.offset == 0:
            return
        self._sampled = position
        before: Position | None = None
        for record_flush, when in self._flushes:
            if record_flush.epoch == position.epoch and record_flush.offset >= position.offset:
                if before is not None and before.epoch == position.epoch:  # else an earlier flush may have had it
                    self._counters.observe_latency(max(0.0, when - at))
                return
            before = record_flush
        if self._awaited is None:  # else one waits for longer
            self._awaited = (position, at)
