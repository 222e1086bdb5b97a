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
        self._until: dict[T, float] = {}  # all that are kept
        self._alone: dict[T, None] = {}  # of these, what no replica has
        self._again: deque[T] = deque()  # what is to be sent at once
        self._next_at = 0.0
        self._is_short = False

    def __bool__(self) -> bool:
        return bool(self._alone)

    @property
    def is_retaining(self) -> bool:
        """Whether it matters if another server serves."""
        return bool(self._until)

    def add(self, call: T, now: float) -> None:
        """No replica has it."""
        if not self._alone:
            self._next_at, self._is_short = now + PROBE_INTERVAL_S, False
        self._alone[call] = None
        self._keep(call, self._until.get(call, now + UNREPLICATED_TTL_S))

    def confirm(self, call: T, now: float) -> None:
        """A replica has it."""
        self._alone.pop(call, None)
        self._keep(call, now + REPLICATED_TTL_S)

    def _keep(self, call: T, until: float) -> None:
        self._until[call] = until
        if len(self._until) > MAX_RETAINED:
            oldest = next(iter(self._until))
            if oldest in self._alone and not self._is_short:
                _log.warning("no replica has the last %s changes of state; older ones are kept no longer", MAX_RETAINED)
                self._is_short = True
            self.drop(oldest)

    def drop(self, call: T) -> None:
        """It has become pointless."""
        self._until.pop(call, None)
        self._alone.pop(call, None)

    def on_failover(self, now: float) -> None:
        """Another server may serve now: all are due at once, before anything newer."""
        self._until = dict.fromkeys(self._until, now + UNREPLICATED_TTL_S)
        self._alone = dict.fromkeys(self._until)
        self.retry_all_now()

    def retry_all_now(self) -> None:
        """There is a replica: what none has is due at once."""
        self._again = deque(self._alone)

    def due(self, now: float) -> list[T]:
        """The next part of what is to be sent again; nothing once all of it was given."""
        if not self._again and now >= self._next_at:
            for call in [call for call, until in self._until.items() if until <= now]:
                self.drop(call)
            self._next_at = now + PROBE_INTERVAL_S
            self._again = deque(list(self._alone)[:1])
        part: list[T] = []
        while self._again and len(part) < RESEND_BATCH:
            call = self._again.popleft()
            if call in self._alone:
                part.append(call)
        if part:
            self._next_at = now + PROBE_INTERVAL_S
        return part
