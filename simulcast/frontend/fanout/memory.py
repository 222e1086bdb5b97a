"""The memory of a process's channels in sum: no channel, however busy, takes it from the others."""

import math
from typing import Protocol
from weakref import WeakSet

ENTRY_OVERHEAD_BYTES = 400  # of Python's objects, beside an entry's frame
FREED = 1 / 16  # of the bound, so that thousands of members are looked at rarely


class Member(Protocol):
    """Holds entries that count in a pool."""

    @property
    def held_bytes(self) -> int:
        """The bytes that it holds."""

    def trim(self, max_bytes: int) -> None:
        """Drop the oldest entries until `max_bytes` are held."""


class MemoryPool:
    """Bytes that the members hold in sum, at most `max_bytes`; beyond, the largest members lose their older halves."""

    def __init__(self, max_bytes: float = math.inf) -> None:
        self.max_bytes = max_bytes
        self.used_bytes = 0
        self._members: WeakSet[Member] = WeakSet()

    def add(self, member: Member) -> None:
        """Include a member."""
        self._members.add(member)

    def shrink(self) -> None:
        """Where the sum is beyond the bound, trim the largest members until FREED of it are free."""
        if self.used_bytes <= self.max_bytes:
            return
        for member in sorted(self._members, key=lambda member: member.held_bytes, reverse=True):
            member.trim(member.held_bytes // 2)
            if self.used_bytes <= self.max_bytes * (1 - FREED):
                return
