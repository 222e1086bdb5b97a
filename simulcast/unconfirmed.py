"""Calls that were answered before a replica had what they wrote: they are sent again until one has it.

If the server dies first, the one that takes over may know nothing of them, and is told by the repetition. It may die as
well before it has a replica; so they are kept for a while from each time another server may serve.
"""

import logging
from collections import deque
from typing import Generic, TypeVar

PART = 1000  # how many are sent again at once
REPEAT_S = 1.0  # how often one is, to see whether a replica has come
KEPT_S = 30.0  # for how long they are kept while the same server serves
MOST_KEPT = 10_000  # and how many: beyond, the oldest are kept no longer

_log = logging.getLogger("simulcast.sender")

T = TypeVar("T")


class Unconfirmed(Generic[T]):
    """Oldest first. `now` is a monotonic time in seconds."""

    def __init__(self) -> None:
        self._until: dict[T, float] = {}
        self._again: deque[T] = deque()  # what is to be sent at once
        self._next_at = 0.0
        self._is_short = False

    def __bool__(self) -> bool:
        return bool(self._until)

    def add(self, call: T, now: float) -> None:
        """Keeps it from now on; one that is kept already stays as it is."""
        if not self._until:
            self._next_at, self._is_short = now + REPEAT_S, False
        self._until.setdefault(call, now + KEPT_S)
        if len(self._until) > MOST_KEPT:
            self.drop(next(iter(self._until)))
            if not self._is_short:
                _log.warning("no replica has the last %s changes of state; older ones are kept no longer", MOST_KEPT)
            self._is_short = True

    def drop(self, call: T) -> None:
        """A replica has it, or it has become pointless."""
        self._until.pop(call, None)

    def hurry(self, now: float) -> None:
        """All are due, before anything newer: another server may serve now, or there is a replica that takes them."""
        self._until = dict.fromkeys(self._until, now + KEPT_S)
        self._again = deque(self._until)

    def due(self, now: float) -> list[T]:
        """The next part of what is to be sent again; nothing once all of it was given."""
        if not self._again and now >= self._next_at:
            self._until = {call: until for call, until in self._until.items() if until > now}
            self._again = deque(list(self._until)[:1])
        part: list[T] = []
        while self._again and len(part) < PART:
            call = self._again.popleft()
            if call in self._until:
                part.append(call)
        if part:
            self._next_at = now + REPEAT_S
        return part
