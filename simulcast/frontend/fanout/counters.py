"""Counters of a front-end: plain numbers, so that counting costs next to nothing. Metrics read them."""

from bisect import bisect_left
from collections.abc import Callable, Sequence
from typing import Literal

Source = Literal["memory", "history", "snapshot"]

FLUSH_BOUNDS_S = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0)
LATENCY_BOUNDS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class Histogram:
    """Observed seconds, counted by bucket. A value that equals a bound belongs to the bucket below it."""

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.sum = 0.0

    def observe(self, seconds: float) -> None:
        self.counts[bisect_left(self.bounds, seconds)] += 1
        self.sum += seconds


class Counters:
    """The counters of one process since its start. `clock`: seconds, monotonic and fine enough for a flush."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.clock = clock
        self.received = 0  # messages of the subscription
        self.rejected = 0  # of these, the ones left out
        self.backfilled = 0  # publications read from the history instead
        self.gaps_found = 0
        self.gaps_lost = 0
        self.epochs = 0  # without the first one of each channel
        self.reconnects = 0  # of the subscription
        self.deliveries = 0
        self.sent_bytes = 0
        self.disconnects = 0
        self.joins = 0
        self.recoveries: dict[Source, int] = {"memory": 0, "history": 0, "snapshot": 0}
        self.flushes = Histogram(FLUSH_BOUNDS_S)
        self.latencies = Histogram(LATENCY_BOUNDS_S)
        self._max_latency_s: float | None = None

    def count_sent(self, events: int, clients: int, size: int) -> None:
        """Count `events`, in `size` bytes, written to each of `clients`."""
        self.deliveries += events * clients
        self.sent_bytes += size * clients

    def count_join(self, source: Source, resuming: bool) -> None:
        """Count a client that joined a channel. `source`: of its backlog. `resuming`: it named its position."""
        self.joins += 1
        if resuming:
            self.recoveries[source] += 1

    def observe_latency(self, seconds: float) -> None:
        """Count the time from the publication of an event to its flush."""
        self.latencies.observe(seconds)
        self._max_latency_s = max(seconds, self._max_latency_s or 0.0)

    def pop_max_latency_s(self) -> float | None:
        """Return the longest latency since the previous call; None if there was no sample."""
        latency_s, self._max_latency_s = self._max_latency_s, None
        return latency_s
