"""The memory of a process's channels in sum: no channel, however busy, takes it from the others."""

import math
from typing import Protocol
from weakref import WeakSet

ENTRY_OVERHEAD_BYTES = 400  # of Python's objects, beside an entry's frame


class Member(Protocol):
    """Holds entries that count in a pool."""

    @property
    def held_bytes(self) -> int:
        """The bytes that it holds."""

    def trim(self, max_bytes: int) -> None:
        """Drop the oldest entries until `max_bytes` are held."""


class MemoryPool:
    """Bytes that the members hold in sum, at most `max_bytes`; beyond, the largest member loses its older half."""

    def __init__(self, max_bytes: float = math.inf) -> None:
        self.max_bytes = max_bytes
        self.used_bytes = 0
        self._members: WeakSet[Member] = WeakSet()

    def add(self, member: Member) -> None:
        """Include a member."""
        self._members.add(member)

    def shrink(self) -> None:
        """Trim the largest members, until the sum is within the bound."""
        while self.used_bytes > self.max_bytes:
            largest = max(self._members, key=lambda member: member.held_bytes)
            if not largest.held_bytes:
                return
            largest.trim(largest.held_bytes // 2)
