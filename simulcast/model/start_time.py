"""The time from which a worker may begin a download, as clients give it."""

import time
from datetime import datetime
from typing import Annotated, Final

from pydantic import BeforeValidator, WithJsonSchema

MAX_AHEAD_S: Final = 366 * 24 * 3600


def parse_start(value: object) -> float:
    """Return seconds since 1970, of a number of them or of ISO 8601 with a time zone. Raises ValueError.

    A time that has passed is now. One more than MAX_AHEAD_S ahead is refused: it is probably in milliseconds.
    """
    seconds = _seconds_of(value)
    if seconds is None:
        raise ValueError("is seconds since 1970, or ISO 8601 such as 2026-12-24T18:00:00+01:00")
    if not 0 <= seconds <= time.time() + MAX_AHEAD_S:
        raise ValueError("is at most a year ahead, and not before 1970")
    return float(seconds)


def _seconds_of(value: object) -> float | None:
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            return None
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise ValueError("needs a time zone, such as Z or +01:00")
        return value.timestamp()
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def parse_new_start(value: object) -> float:
    """Return the start that a download gets in place of another one: 0.0 for None and "now". Raises ValueError."""
    return 0.0 if value in (None, "now") else parse_start(value)


StartTime = Annotated[
    float,
    BeforeValidator(parse_start),
    WithJsonSchema(
        {
            "anyOf": [{"type": "number"}, {"type": "string", "format": "date-time"}],
            "description": "no worker takes it before: seconds since 1970, or ISO 8601 with a time zone",
        }
    ),
]
NewStart = Annotated[
    float,
    BeforeValidator(parse_new_start),
    WithJsonSchema(
        {
            "anyOf": [{"type": "number"}, {"type": "string", "format": "date-time"}, {"enum": ["now", None]}],
            "description": 'as when it was added; "now" or null for now',
        }
    ),
]
