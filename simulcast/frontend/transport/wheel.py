"""One timer for the deadlines of all connections: an idle client has none of its own."""

import asyncio
import math
from typing import Protocol

from simulcast.containment import contain_errors

TICK_S = 0.1  # so late at most
MAX_PER_TURN = 100  # of the loop


class Timed(Protocol):
    """Has one deadline. `slot`: belongs to the wheel, and is 0 at first."""

    slot: int

    def on_deadline(self, now: float) -> None:
        """The deadline, which is no longer set, has passed. `now`: time of the loop."""


class Wheel:
    """Deadlines, in slots of TICK_S. The timer runs while there are any."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._slots: dict[int, set[Timed]] = {}
        self._turned = 0  # the last slot whose deadlines have passed
        self._timer: asyncio.Handle | None = None

    def set(self, member: Timed, at: float) -> None:
        """Replace the member's deadline. `at`: time of the loop; infinity for none."""
        self.drop(member)
        if at == math.inf:
            return
        if self._timer is None:
            self._turned = int(self._loop.time() / TICK_S)
            self._timer = self._loop.call_later(TICK_S, self._turn)
        member.slot = max(math.ceil(at / TICK_S), self._turned + 1)
        self._slots.setdefault(member.slot, set()).add(member)

    def drop(self, member: Timed) -> None:
        """Forget the member's deadline. Harmless without one."""
        if (members := self._slots.get(member.slot)) is not None:
            members.discard(member)
            if not members:
                del self._slots[member.slot]
        member.slot = 0

    def _turn(self) -> None:
        now = self._loop.time()
        due = int(now / TICK_S)
        for _ in range(MAX_PER_TURN):
            while self._turned < due and self._turned + 1 not in self._slots:
                self._turned += 1
            if self._turned >= due:
                break
            member = next(iter(self._slots[self._turned + 1]))
            self.drop(member)
            with contain_errors("the deadline of a connection"):
                member.on_deadline(now)
        rest_s = TICK_S if self._turned >= due else 0.0
        self._timer = self._loop.call_later(rest_s, self._turn) if self._slots else None
