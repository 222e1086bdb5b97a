"""Names that stand twice, in a query or in an object of JSON: of two values one would be dropped silently. No I/O.

A proxy or a filter in front, which reads the first of them, would judge by another value than the one that counts here.
"""

import json
from collections.abc import Iterable, Sequence

MAX_QUOTED_CHARS = 40


def check_unique(names: Iterable[str]) -> None:
    """Raise ValueError for a name that stands there twice."""
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise ValueError(f"{ascii(name[:MAX_QUOTED_CHARS])[1:-1]}: give it once, not twice")
        seen.add(name)


def unique_members(pairs: Sequence[tuple[str, object]]) -> dict[str, object]:
    """Return the members of an object, as the `object_pairs_hook` of `json.loads`. Raises ValueError."""
    members = dict(pairs)
    if len(members) < len(pairs):
        check_unique(name for name, _ in pairs)
    return members


def check_members(text: str | bytes) -> None:
    """Raise ValueError where an object in the text has a member twice. `text`: JSON that was parsed already."""
    json.loads(text, object_pairs_hook=unique_members, parse_int=str, parse_float=str)
