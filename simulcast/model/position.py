"""A position in a channel's history: an epoch of the counter, and an offset within it."""

import re
from dataclasses import dataclass

# The two 64-bit halves of a Redis stream id (https://redis.io/docs/latest/commands/xadd/).
_FORM = re.compile(r"(0|[1-9][0-9]{0,19})-(0|[1-9][0-9]{0,19})", re.ASCII)
_MAX_HALF = 2**64 - 1


@dataclass(frozen=True, slots=True)
class Position:
    """An epoch, compared by equality only, and an offset, contiguous from 1 within it; 0 is before the first event."""

    epoch: int
    offset: int

    @classmethod
    def parse(cls, text: str) -> "Position":
        """Read `1790000000000-42`. Raises ValueError for any other form or more than 64 bits."""
        match = _FORM.fullmatch(text)
        if match is None:
            raise ValueError(f"a position looks like 1790000000000-42, not {text[:50]!r}")
        epoch, offset = int(match[1]), int(match[2])
        if max(epoch, offset) > _MAX_HALF:
            raise ValueError(f"a position's numbers have at most 64 bits, not {text[:50]!r}")
        return cls(epoch, offset)

    def __str__(self) -> str:
        return f"{self.epoch}-{self.offset}"


UNKNOWN = Position(0, 0)
"""A position of no epoch that ever was: nobody knows what its owner missed."""


def is_next_position(previous: Position, position: Position) -> bool:
    """Return whether no publication lies between the two."""
    if position.epoch == previous.epoch:
        return position.offset == previous.offset + 1
    return position.epoch > previous.epoch and position.offset == 1
