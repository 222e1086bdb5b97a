"""Acknowledged calls whose writes the next master may lack: they are retained, and sent to it again.

A call is retained until a replica has it, and for a while longer, since another replica may just have become master.
After each failover all retained calls count as unreplicated again. Once too many are, new ones have to be refused.
"""

import logging
from itertools import islice
from typing import Generic, TypeVar

RESEND_BATCH = 1000
POSTPONE_S = 1.0
POSTPONED_TTL_S = 30.0  # how long a call is sent again that depends on another process
REPLICATED_TTL_S = 10.0  # how long a call is retained after a replica has it
MAX_REPLICATED = 10_000  # beyond so many retained calls, the oldest that a replica has are dropped
MAX_UNREPLICATED = 20_000
MAX_BYTES = 64 * 1024 * 1024  # of the arguments of all; of the replicated ones half of it

_log = logging.getLogger("simulcast.sender")

T = TypeVar("T")


class UnreplicatedCalls(Generic[T]):
    """Retained calls, oldest first; true while no replica has one of them. `now` is a monotonic time in seconds."""

    def __init__(self) -> None:
        self._sizes: dict[T, int] = {}  # in bytes, of all retained calls; each is in one of the next four dicts, too
        self._unsent: dict[T, float] = {}  # to be sent to the new master
        self._postponed: dict[T, float] = {}  # they depend on calls of other processes, or on room
        self._unreplicated: dict[T, float] = {}  # the master alone has them
        self._replicated: dict[T, float] = {}  # with the time up to which they are retained
        self._postponed_until: dict[T, float] = {}
        self._bytes = 0
        self._next_at = 0.0  # when the postponed calls are sent again
        self._has_warned = False

    def __len__(self) -> int:
        return len(self._sizes) - len(self._replicated)

    def __contains__(self, call: T) -> bool:
        return call in self._sizes

    @property
    def is_retaining(self) -> bool:
        """True while a failover would matter."""
        return bool(self._sizes)

    @property
    def is_full(self) -> bool:
        """True while no further call may be made that has to be retained."""
        return len(self) >= MAX_UNREPLICATED or self._bytes >= MAX_BYTES

    def add(self, call: T, size_bytes: int) -> None:
        """Retain a call that no replica has."""
        self._retain(call, size_bytes, self._unreplicated, 0.0)
        if len(self) > MAX_UNREPLICATED // 2 and not self._has_warned:
            _log.warning("no replica has the last %s changes of state; %s are kept", len(self), MAX_UNREPLICATED)
            self._has_warned = True

    def add_replicated(self, call: T, size_bytes: int, now: float) -> None:
        """Retain a call that a replica has."""
        self._retain(call, size_bytes, self._replicated, now + REPLICATED_TTL_S)

    def mark_replicated(self, now: float) -> None:
        """Note that a replica has all calls that the master has."""
        self._replicated |= dict.fromkeys(self._unreplicated, now + REPLICATED_TTL_S)
        self._unreplicated.clear()
        self._has_warned = False
        self._evict_replicated()

    def postpone(self, call: T, now: float) -> None:
        """Send a call again later, since it depends on one that another process may still send again."""
        if self._postponed_until.setdefault(call, now + POSTPONED_TTL_S) <= now:
            self.drop(call)
        else:
            self._retain(call, self._sizes[call], self._postponed, 0.0)

    def retry(self, call: T) -> None:
        """Send a call again later, however long that takes: the new master has no room for it."""
        self._retain(call, self._sizes[call], self._postponed, 0.0)

    def _retain(self, call: T, size_bytes: int, calls: dict[T, float], until: float) -> None:
        for others in (self._unsent, self._postponed, self._unreplicated, self._replicated):
            others.pop(call, None)
        self._bytes += size_bytes - self._sizes.get(call, 0)
        self._sizes[call] = size_bytes
        calls[call] = until
        self._evict_replicated()

    def _evict_replicated(self) -> None:
        while self._replicated and (len(self._sizes) > MAX_REPLICATED or self._bytes > MAX_BYTES / 2):
            self.drop(next(iter(self._replicated)))

    def drop(self, call: T) -> None:
        """Retain the call no longer."""
        self._bytes -= self._sizes.pop(call, 0)
        for calls in (self._unsent, self._postponed, self._unreplicated, self._replicated, self._postponed_until):
            calls.pop(call, None)

    def on_failover(self) -> None:
        """Make all calls due, before newer ones: another server is master now, or it lost what it had."""
        for calls in (self._postponed, self._unreplicated, self._replicated, self._postponed_until):
            calls.clear()
        self._unsent = dict.fromkeys(self._sizes, 0.0)

    def due(self, now: float) -> list[T]:
        """Return the next batch of calls to be sent again, until each is retained, postponed or dropped."""
        while self._replicated and next(iter(self._replicated.values())) <= now:
            self.drop(next(iter(self._replicated)))
        if self._postponed and now >= self._next_at:
            self._next_at = now + POSTPONE_S
            self._unsent |= self._postponed
            self._postponed.clear()
        return list(islice(self._unsent, RESEND_BATCH))
