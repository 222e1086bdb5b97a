"""Warnings that say the same again and again: the first is written, the others are counted, and the sum is written."""

import logging
from dataclasses import dataclass

REPEAT_INTERVAL_S = 60.0
MAX_REMEMBERED = 100

_Key = tuple[str, int, str, str]


@dataclass(slots=True)
class _Said:
    record: logging.LogRecord
    until: float
    count: int = 0


class Repeats:
    """Remembers warnings for REPEAT_INTERVAL_S, at most MAX_REMEMBERED. Decides; does no I/O. Times: monotonic."""

    def __init__(self) -> None:
        self._said: dict[_Key, _Said] = {}  # the one to be forgotten first comes first

    def add(self, record: logging.LogRecord, now: float) -> list[logging.LogRecord]:
        """Return the records to write: this one, if it says something new, and sums before it."""
        if record.levelno < logging.WARNING:
            return [record]
        records = self.sums(now)
        error = record.exc_info[1] if record.exc_info else None
        key = record.name, record.levelno, record.getMessage(), repr(error)
        if (said := self._said.get(key)) is not None:
            said.count += 1
            return records
        if len(self._said) >= MAX_REMEMBERED:
            records += _sum(self._said.pop(next(iter(self._said))))
        self._said[key] = _Said(record, now + REPEAT_INTERVAL_S)
        return [*records, record]

    def sums(self, now: float) -> list[logging.LogRecord]:
        """Return the sums that are due, for which another interval begins; what was said once is forgotten."""
        records = []
        for key in [key for key, said in self._said.items() if said.until <= now]:
            said = self._said.pop(key)
            if said.count:
                records += _sum(said)
                self._said[key] = _Said(said.record, now + REPEAT_INTERVAL_S)
        return records

    def next_sum_at(self) -> float | None:
        """Return when a sum is due, None while nothing was repeated."""
        return next((said.until for said in self._said.values() if said.count), None)


def _sum(said: _Said) -> list[logging.LogRecord]:
    """Return the sum in a list, an empty one for what was said once."""
    if not said.count:
        return []
    times = "once more" if said.count == 1 else f"{said.count:,} times more"
    text = f"{said.record.getMessage()} ({times} within {REPEAT_INTERVAL_S:.0f} s)"
    record = said.record
    return [logging.LogRecord(record.name, record.levelno, record.pathname, record.lineno, text, None, None)]
