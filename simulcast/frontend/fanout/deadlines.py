"""The times at which keys that nobody owns leave the snapshot, unless there is news of them."""

import math
from collections.abc import Callable

SCAN_INTERVAL_S = 1.0  # so late at most


class Deadlines:
    """Deadlines by key. `clock`: seconds, monotonic."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._by_key: dict[str, float] = {}
        self._scanned_at = -math.inf
        self._scan_at = math.inf

    def __contains__(self, key: str) -> bool:
        return key in self._by_key

    def set(self, key: str, remaining_s: float) -> None:
        """Let the key expire that many seconds from now."""
        deadline = self._by_key[key] = self._clock() + remaining_s
        self._scan_at = min(self._scan_at, max(deadline, self._scanned_at + SCAN_INTERVAL_S))

    def remaining_s(self, key: str) -> float:
        """Return the seconds left to the key; infinity if it never expires."""
        return self._by_key.get(key, math.inf) - self._clock()

    def drop(self, key: str) -> None:
        """Let the key stay, or forget it."""
        self._by_key.pop(key, None)

    def clear(self) -> None:
        """Forget all keys."""
        self._by_key.clear()

    def pop_expired(self) -> list[str]:
        """Return the keys that have expired since the last scan, and forget them."""
        now = self._clock()
        if now < self._scan_at:
            return []
        expired = [key for key, deadline in self._by_key.items() if deadline <= now]
        for key in expired:
            del self._by_key[key]
        self._scanned_at = now
        self._scan_at = max(now + SCAN_INTERVAL_S, min(self._by_key.values(), default=math.inf))
        return expired
