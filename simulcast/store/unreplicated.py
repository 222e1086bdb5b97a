"""Acknowledged calls whose writes the next master may lack: they are retained, and sent to it again.

A call is retained until a replica has it, and for a while longer, since another replica may just have become master.
After each failover all retained calls count as unreplicated again.
"""

import logging
from collections import deque
from typing import Generic, TypeVar

RESEND_BATCH = 1000
PROBE_INTERVAL_S = 1.0  # one call is sent again so often, to notice a new replica
UNREPLICATED_TTL_S = 30.0  # how long a call is retained under one master while no replica has it
REPLICATED_TTL_S = 10.0  # how long it is retained after a replica has it
MAX_RETAINED = 10_000  # beyond, the oldest are dropped

_log = logging.getLogger("simulcast.sender")

T = TypeVar("T")


class UnreplicatedCalls(Generic[T]):
    """Retained calls, oldest first; true while no replica has one of them. `now` is a monotonic time in seconds."""

    def __init__(self) -> None:
        self._expires_at: dict[T, float] = {}  # of all retained calls
        self._unreplicated: dict[T, None] = {}  # an ordered subset of them
        self._postponed: dict[T, None] = {}  # another subset: they depend on calls of other processes
        self._pending: deque[T] = deque()  # due for sending
        self._next_at = 0.0
        self._has_warned = False

    def __bool__(self) -> bool:
        return bool(self._unreplicated or self._postponed)

    @property
    def is_retaining(self) -> bool:
        """True while a failover would matter."""
        return bool(self._expires_at)

    def add(self, call: T, now: float) -> None:
        """Retain a call that no replica has."""
        if not self._unreplicated:
            self._next_at, self._has_warned = now + PROBE_INTERVAL_S, False
        self._unreplicated[call] = None
        self._retain(call, self._expires_at.get(call, now + UNREPLICATED_TTL_S))

    def mark_replicated(self, call: T, now: float) -> None:
        """Note that a replica has the call."""
        self._unreplicated.pop(call, None)
        self._retain(call, now + REPLICATED_TTL_S)

    def postpone(self, call: T) -> None:
        """Send a call again later, since it depends on one that another process may still send again."""
        if call in self._unreplicated:
            del self._unreplicated[call]
            self._postponed[call] = None

    def _retain(self, call: T, expires_at: float) -> None:
        self._expires_at[call] = expires_at
        if len(self._expires_at) > MAX_RETAINED:
            oldest = next(iter(self._expires_at))
            if oldest in self._unreplicated and not self._has_warned:
                _log.warning("no replica has the last %s changes of state; older ones are dropped", MAX_RETAINED)
                self._has_warned = True
            self.drop(oldest)

    def drop(self, call: T) -> None:
        """Retain the call no longer."""
        self._expires_at.pop(call, None)
        self._unreplicated.pop(call, None)
        self._postponed.pop(call, None)

    def on_failover(self, now: float) -> None:
        """Make all calls due, before newer ones: another server may be master now."""
        self._expires_at = dict.fromkeys(self._expires_at, now + UNREPLICATED_TTL_S)
        self._unreplicated = dict.fromkeys(self._expires_at)
        self._postponed.clear()
        self.retry_all_now()

    def retry_all_now(self) -> None:
        """Make all calls due that no replica has: a replica has come."""
        self._pending = deque(self._unreplicated)

    def due(self, now: float) -> list[T]:
        """Take the next batch of calls that are due; empty at the end."""
        if not self._pending and now >= self._next_at:
            for call in [call for call, expires_at in self._expires_at.items() if expires_at <= now]:
                self.drop(call)
            self._next_at = now + PROBE_INTERVAL_S
            self._pending = deque([*list(self._unreplicated)[:1], *self._postponed])
            self._unreplicated |= self._postponed
            self._postponed.clear()
        batch: list[T] = []
        while self._pending and len(batch) < RESEND_BATCH:
            call = self._pending.popleft()
            if call in self._unreplicated:
                batch.append(call)
        if batch:
            self._next_at = now + PROBE_INTERVAL_S
        return batch
