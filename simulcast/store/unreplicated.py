"""Calls that were answered, and that the server which takes over may know nothing of: they are sent to it again.

Those that no replica had are kept until one has them, and for a while longer: another replica may have been made master
by then, without anybody here knowing. Each time another server may serve the same begins anew.
"""

import logging
from collections import deque
from typing import Generic, TypeVar

RESEND_BATCH = 1000  # how many are sent again at once
PROBE_INTERVAL_S = 1.0  # how often one is, to see whether a replica has come
UNREPLICATED_TTL_S = 30.0  # for how long they are kept while the same server serves and no replica has them
REPLICATED_TTL_S = 10.0  # and for how long once one has
MAX_RETAINED = 10_000  # and how many: beyond, the oldest are kept no longer

_log = logging.getLogger("simulcast.sender")

T = TypeVar("T")


class UnreplicatedCalls(Generic[T]):
    """Oldest first; true while there are some that no replica has. `now` is a monotonic time in seconds."""

    def __init__(self) -> None:
        self._expires_at: dict[T, float] = {}  # all that are kept
        self._unreplicated: dict[T, None] = {}  # of these, what no replica has
        self._pending: deque[T] = deque()  # what is to be sent at once
        self._next_at = 0.0
        self._has_warned = False

    def __bool__(self) -> bool:
        return bool(self._unreplicated)

    @property
    def is_retaining(self) -> bool:
        """Whether it matters if another server serves."""
        return bool(self._expires_at)

    def add(self, call: T, now: float) -> None:
        """No replica has it."""
        if not self._unreplicated:
            self._next_at, self._has_warned = now + PROBE_INTERVAL_S, False
        self._unreplicated[call] = None
        self._retain(call, self._expires_at.get(call, now + UNREPLICATED_TTL_S))

    def mark_replicated(self, call: T, now: float) -> None:
        """A replica has it."""
        self._unreplicated.pop(call, None)
        self._retain(call, now + REPLICATED_TTL_S)

    def _retain(self, call: T, expires_at: float) -> None:
        self._expires_at[call] = expires_at
        if len(self._expires_at) > MAX_RETAINED:
            oldest = next(iter(self._expires_at))
            if oldest in self._unreplicated and not self._has_warned:
                _log.warning("no replica has the last %s changes of state; older ones are kept no longer", MAX_RETAINED)
                self._has_warned = True
            self.drop(oldest)

    def drop(self, call: T) -> None:
        """It has become pointless."""
        self._expires_at.pop(call, None)
        self._unreplicated.pop(call, None)

    def on_failover(self, now: float) -> None:
        """Another server may serve now: all are due at once, before anything newer."""
        self._expires_at = dict.fromkeys(self._expires_at, now + UNREPLICATED_TTL_S)
        self._unreplicated = dict.fromkeys(self._expires_at)
        self.retry_all_now()

    def retry_all_now(self) -> None:
        """There is a replica: what none has is due at once."""
        self._pending = deque(self._unreplicated)

    def due(self, now: float) -> list[T]:
        """The next part of what is to be sent again; nothing once all of it was given."""
        if not self._pending and now >= self._next_at:
            for call in [call for call, expires_at in self._expires_at.items() if expires_at <= now]:
                self.drop(call)
            self._next_at = now + PROBE_INTERVAL_S
            self._pending = deque(list(self._unreplicated)[:1])
        part: list[T] = []
        while self._pending and len(part) < RESEND_BATCH:
            call = self._pending.popleft()
            if call in self._unreplicated:
                part.append(call)
        if part:
            self._next_at = now + PROBE_INTERVAL_S
        return part
