"""A place in a channel's history: which life of the counter, and how far it had counted."""

import re
from dataclasses import dataclass

# Both halves are the two 64-bit halves of a Redis stream id (https://redis.io/docs/latest/commands/xadd/).
_FORM = re.compile(r"(0|[1-9][0-9]{0,19})-(0|[1-9][0-9]{0,19})", re.ASCII)
_LARGEST = 2**64 - 1


@dataclass(frozen=True, slots=True)
class Position:
    """`epoch`: the life of the counter, compared by equality only. `offset`: contiguous from 1 within it.

    Offset 0 is the position before the first event of an epoch.
    """

    epoch: int
    offset: int

    @classmethod
    def parse(cls, text: str) -> "Position":
        """`"1790000000000-42"` → Position. Raises ValueError for any other form or more than 64 bits."""
        match = _FORM.fullmatch(text)
        if match is None:
            raise ValueError(f"a position looks like 1790000000000-42, not {text[:50]!r}")
        epoch, offset = int(match[1]), int(match[2])
        if epoch > _LARGEST or offset > _LARGEST:
            raise ValueError(f"a position's numbers have at most 64 bits, not {text[:50]!r}")
        return cls(epoch, offset)

    def __str__(self) -> str:
        return f"{self.epoch}-{self.offset}"
