"""The downloads and other jobs of `simulcast watch`: a row for each active one, and a line for each message.

Decides; does no I/O. Received text is cleaned first: a file's name may hold a terminal's control characters.
"""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from simulcast.model.events import END_TYPES, JOB_END_TYPES

MAX_ROWS = 10_000  # the oldest goes first
MAX_TEXT_CHARS = 300
SILENT_AFTER_S = 15.0
_MAX_NUMBER = 2**63  # JSON may hold a whole number that has no float, and 1e400, which is infinite
_STATES = {
    "download_queued": "queued",
    "download_started": "running",
    "download_resumed": "running",
    "download_paused": "paused",
    "download_progress": "running",
    "job_queued": "queued",
    "job_started": "running",
    "job_progress": "running",
}
_ENDS = END_TYPES | JOB_END_TYPES


@dataclass(slots=True)
class Row:
    """One active download, or one job of another kind.

    `received` and `total`: bytes, or what is done of a job, in its `unit`; `total` is 0 while unknown. `speed`: bytes a
    second of a download. `has_record`: the server recorded its changes of state. `updated_at`: its newest event, in
    seconds of the table's clock.
    """

    name: str
    is_job: bool = False
    state: str = "queued"
    progress: float = 0.0
    speed: float = 0.0
    received: float = 0.0
    total: float = 0.0
    unit: str = ""
    has_record: bool = False
    updated_at: float = 0.0

    @property
    def remaining_s(self) -> float | None:
        """Seconds to its end at this speed; None while that is unknown."""
        return (self.total - self.received) / self.speed if self.speed and self.total >= self.received > 0 else None

    @property
    def amount(self) -> str:
        """The finished part of a job: 3 / 10 frames, 1.2 MB / 3.4 MB. "" while nothing is known."""
        if self.unit in ("B", "bytes"):
            return " / ".join([size(self.received), *([size(self.total)] if self.total else [])])
        counts = [f"{self.received:,.12g}", *([f"{self.total:,.12g}"] if self.total else [])]
        return f"{' / '.join(counts)} {self.unit}".rstrip() if self.received or self.total else ""


@dataclass(frozen=True, slots=True)
class Line:
    """A line to print. `lasting` is False for a message that only moves a bar."""

    label: str
    job_id: str
    text: str
    lasting: bool

    def __str__(self) -> str:
        return "  ".join(filter(None, (f"{self.label:<9}", self.job_id, self.text)))


@dataclass(slots=True)
class JobTable:
    """The active downloads and jobs by id, oldest first. `clock`: seconds, monotonic."""

    rows: dict[str, Row] = field(default_factory=dict)
    clock: Callable[[], float] = time.monotonic

    def apply(self, message: str) -> Line:
        """Apply one message from the server, and return its line."""
        try:
            event = json.loads(message)
        except (ValueError, RecursionError):
            event = None
        if not isinstance(event, dict):
            return Line("text", "", clean(message), lasting=True)
        kind = _text(event, "type")
        family: Literal["job", "download"] = "job" if kind.startswith("job_") else "download"
        key, label = _text(event, f"{family}_id"), kind.removeprefix(f"{family}_")
        if key and kind in _ENDS:
            return self._end(event, key, label)
        if not key or kind not in _STATES:
            return Line("event", "", clean(message), lasting=True)
        row = self._row(event, key)
        row.state = clean(_text(event, "phase")) or _STATES[kind]
        row.is_job = family == "job"
        row.progress = min(max(_number(event, "progress", row.progress), 0.0), 1.0)
        row.speed = _number(event, "speed", 0.0)
        row.has_record = row.has_record or "change" in event
        row.updated_at = self.clock()
        if row.is_job:  # each of its events says all that was reported
            row.received, row.total = max(0.0, _number(event, "done", 0.0)), max(0.0, _number(event, "total", 0.0))
            row.unit = clean(_text(event, "unit"))
        else:
            row.received = _number(event, "received_bytes", row.received)
            row.total = _number(event, "total_bytes", row.total)
        how_far = row.amount if row.is_job else f"{size(row.speed)}/s"
        parts = (f"{row.progress:6.1%}", how_far, row.name, clean(_text(event, "message")))
        text = "  ".join(filter(None, parts)) if label == "progress" else row.name
        return Line(label, clean(key), text, lasting=False)

    def is_silent(self, row: Row) -> bool:
        """Return whether nobody is known to own it, and it had no event lately."""
        return not row.has_record and self.clock() - row.updated_at > SILENT_AFTER_S

    def _row(self, event: Mapping[str, object], key: str) -> Row:
        row = self.rows.get(key)
        if row is None:
            if len(self.rows) >= MAX_ROWS:
                del self.rows[next(iter(self.rows))]
            row = self.rows[key] = Row(clean(key))
        row.name = clean(_text(event, "name")) or row.name
        return row

    def _end(self, event: Mapping[str, object], key: str, label: str) -> Line:
        row = self.rows.pop(key, None)
        name = clean(_text(event, "name")) or (row.name if row else "")
        detail = clean(_text(event, {"complete": "file_path", "error": "error_message"}.get(label, "")))
        if label == "complete" and event.get("result") is not None:
            detail = clean(describe_result(event["result"]))
        return Line(label, clean(key), "  ".join(filter(None, (name if name != key else "", detail))), lasting=True)


def describe_result(result: object) -> str:
    """Describe the result of a job in a line: text as it is, all else as JSON."""
    try:
        return result if isinstance(result, str) else json.dumps(result, ensure_ascii=False, separators=(",", ":"))
    except RecursionError:
        return "a result of too many levels"


def clean(text: str) -> str:
    """Make text fit for a terminal: without control characters, and of bounded length."""
    cut = text if len(text) <= MAX_TEXT_CHARS else text[:MAX_TEXT_CHARS] + "…"
    return "".join(character if character.isprintable() else "·" for character in cut)


def size(count: float) -> str:
    """Format bytes for people: 999 B, 1.0 kB, 23.4 MB."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 999.5 or unit == "GB":
            break
        count /= 1000
    return f"{count:.0f} B" if unit == "B" else f"{count:.1f} {unit}"


def _text(event: Mapping[str, object], member: str) -> str:
    value = event.get(member)
    return value if isinstance(value, str) else ""


def _number(event: Mapping[str, object], member: str, default: float) -> float:
    value = event.get(member)
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < _MAX_NUMBER:
        return default
    return float(value)
