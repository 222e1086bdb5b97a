"""Calls that were answered before a replica had what they wrote: they are sent again until one has it.

If the server dies first, the one that takes over may know nothing of them, and is told by the repetition.
"""

from typing import Generic, TypeVar

REPEAT_S = 1.0  # how often they are sent again
KEPT_S = 30.0  # and for how long
MOST_KEPT = 1000  # and how many: the newest

T = TypeVar("T")


class Unconfirmed(Generic[T]):
    """Oldest first. `now` is a monotonic time in seconds."""

    def __init__(self) -> None:
        self._until: dict[T, float] = {}
        self._due_at = 0.0

    def __bool__(self) -> bool:
        return bool(self._until)

    def add(self, call: T, now: float) -> None:
        """Keeps it from now on; one that is kept already stays as it is."""
        if not self._until:
            self._due_at = now + REPEAT_S
        self._until.setdefault(call, now + KEPT_S)
        if len(self._until) > MOST_KEPT:
            self.drop(next(iter(self._until)))

    def drop(self, call: T) -> None:
        """A replica has it, or it has become pointless."""
        self._until.pop(call, None)

    def hurry(self) -> None:
        """They are due at once, before anything newer: another server may serve now."""
        self._due_at = 0.0

    def due(self, now: float) -> list[T]:
        """What is to be sent again now."""
        if now < self._due_at:
            return []
        self._due_at = now + REPEAT_S
        self._until = {call: until for call, until in self._until.items() if until > now}
        return list(self._until)
