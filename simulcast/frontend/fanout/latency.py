"""Latency of one channel's events, from Redis to their flush: sampled at each poll, of the newest event.

No event carries a time, so nothing is parsed and nothing is sent for it. Redis knows how long ago it published the
newest event (`Head.published_at`); this process remembers its flushes.
"""

from collections import deque

from simulcast.frontend.fanout.counters import Counters
from simulcast.model.position import Position

MAX_PENDING_FLUSHES = 64  # that may happen between the reply of Redis and its handling


class Latency:
    """Samples of one channel. Times are seconds of the counters' clock."""

    def __init__(self, counters: Counters) -> None:
        self._counters = counters
        self._flushes: deque[tuple[Position, float]] = deque(maxlen=MAX_PENDING_FLUSHES)
        self._sampled: Position | None = None
        self.position: Position | None = None  # of the newest event that was received
        self._pending: tuple[Position, float] | None = None  # published and not flushed yet

    def record_flush(self, position: Position) -> None:
        """Record that everything up to `position` was written."""
        now = self._counters.clock()
        self._flushes.append((position, now))
        if self._pending is not None:
            pending, published_at = self._pending
            if pending.epoch != position.epoch:
                self._pending = None
            elif pending.offset <= position.offset:
                self._pending = None
                self._counters.observe_latency(max(0.0, now - published_at))

    def record_newest(self) -> None:
        """Record that everything received was written."""
        if self.position is not None:
            self.record_flush(self.position)

    def record_head(self, position: Position, published_at: float | None) -> None:
        """Record the newest event, and when Redis published it; None if unknown."""
        if published_at is None or position == self._sampled or position.offset == 0:
            return
        self._sampled = position
        previous: Position | None = None
        for flushed, flushed_at in self._flushes:
            if flushed.epoch == position.epoch and flushed.offset >= position.offset:
                # Without the flush before it, an earlier one may have had the event.
                if previous is not None and previous.epoch == position.epoch:
                    self._counters.observe_latency(max(0.0, flushed_at - published_at))
                return
            previous = flushed
        if self._pending is None:  # else an older event is pending
            self._pending = (position, published_at)
