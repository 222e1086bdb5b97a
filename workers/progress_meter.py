"""How far a download is and how fast, as often as it is worth telling. Pure: the caller brings the time."""

import math
from collections import deque
from dataclasses import dataclass

# Any second holds at most three of these and the final one: four events.
INTERVAL_S = 0.34
WINDOW_S = 5.0
MIN_SAMPLE_S = 0.01  # a shorter interval gives no meaningful speed


@dataclass(frozen=True, slots=True)
class Sample:
    """progress: 0.0 to 1.0, 0.0 while the size is unknown. speed: bytes a second. received, total: bytes."""

    progress: float
    speed: int
    received: int
    total: int | None


class ProgressMeter:
    """One attempt's meter. Times are seconds of any clock that never goes back (loop.time())."""

    def __init__(self, *, interval_s: float = INTERVAL_S, window_s: float = WINDOW_S) -> None:
        self._interval_s = interval_s
        self._window_s = window_s
        self._told_at: float | None = None
        # (time, received) of the samples within the window and the last one before it, oldest first:
        # no more than window / interval + 3.
        self._points: deque[tuple[float, int]] = deque()

    def update(self, now: float, received: int, total: int | None) -> Sample | None:
        """A sample if it is the first one, or `interval_s` has passed since the last one; else None.

        The speed is the average over the window, stalls included, and counts nothing that was there before
        the first update; so an update without new bytes tells of a stall. Fewer bytes than before mean that
        the download started over. The last byte gives no sample: `final` tells of it, once it is safe.
        """
        if self._points and received < self._points[-1][1]:
            self._points = deque([(now, received)])
        if total is not None and received >= total:
            return None
        if self._told_at is not None and now - self._told_at < self._interval_s:
            return None
        return self._sample(now, received, total)

    def final(self, now: float, received: int) -> Sample:
        """The sample that says 1.0, however short ago the last one was: all `received` bytes are there."""
        return self._sample(now, received, received)

    def _sample(self, now: float, received: int, total: int | None) -> Sample:
        self._told_at = now
        self._points.append((now, received))
        while len(self._points) > 1 and self._points[1][0] <= now - self._window_s:
            self._points.popleft()
        since, base = self._points[0]
        speed = max(0, int((received - base) / max(now - since, MIN_SAMPLE_S)))
        return Sample(_progress(received, total), speed, received, total)


def _progress(received: int, total: int | None) -> float:
    if total is None:
        return 0.0
    if received >= total:
        return 1.0
    # Division rounds up to 1.0 from 2**53 bytes on.
    return min(received / total, math.nextafter(1.0, 0.0))
