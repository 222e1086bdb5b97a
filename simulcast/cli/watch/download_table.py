"""What `simulcast watch` knows: one row for each download that goes on, and a line for each thing that happened.

Decides; does no I/O. What came from others is cleaned first: a file's name may hold a terminal's control characters.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

MAX_ROWS = 10_000  # the oldest goes first
MAX_TEXT_CHARS = 300
_BEYOND_COUNTING = 2**63  # JSON may hold a whole number that has no float, and 1e400, which is infinite
_STATES = {
    "download_queued": "queued",
    "download_started": "running",
    "download_resumed": "running",
    "download_paused": "paused",
    "download_progress": "running",
}
_ENDS = {
    "download_complete": "complete",
    "download_error": "error",
    "download_cancelled": "cancelled",
    "download_deleted": "deleted",
}


@dataclass(slots=True)
class Row:
    """One download that goes on. Sizes are bytes, `speed` bytes a second; `total` is 0 while unknown."""

    name: str
    state: str = "queued"
    progress: float = 0.0
    speed: float = 0.0
    received: float = 0.0
    total: float = 0.0

    @property
    def remaining_s(self) -> float | None:
        """How long it will take at this speed, if that can be known."""
        return (self.total - self.received) / self.speed if self.speed and self.total >= self.received > 0 else None


@dataclass(frozen=True, slots=True)
class Line:
    """Something to print. `lasting` is False for what only moves a bar."""

    what: str
    download_id: str
    text: str
    lasting: bool

    def __str__(self) -> str:
        return "  ".join(filter(None, (f"{self.what:<9}", self.download_id, self.text)))


@dataclass(slots=True)
class DownloadTable:
    """`event_id` is the last one seen, "" before the first."""

    rows: dict[str, Row] = field(default_factory=dict)
    event_id: str = ""

    def apply(self, message: str) -> Line:
        """Takes one message from the server and says how it reads."""
        try:
            found = json.loads(message)
        except (ValueError, RecursionError):
            found = None
        if not isinstance(found, dict):
            return Line("text", "", clean(message), lasting=True)
        self.event_id = _text(found, "event_id") or self.event_id
        kind, key = _text(found, "type"), _text(found, "download_id")
        if not key or kind not in _STATES | _ENDS:
            return Line("event", "", clean(message), lasting=True)
        if kind in _ENDS:
            return self._end(found, key, _ENDS[kind])
        row = self._row(found, key)
        row.state = _STATES[kind]
        row.progress = min(max(_number(found, "progress", row.progress), 0.0), 1.0)
        row.speed = _number(found, "speed", 0.0)
        row.received = _number(found, "received_bytes", row.received)
        row.total = _number(found, "total_bytes", row.total)
        what = kind.removeprefix("download_")
        text = f"{row.progress:6.1%}  {size(row.speed)}/s  {row.name}" if what == "progress" else row.name
        return Line(what, clean(key), text, lasting=False)

    def _row(self, found: Mapping[str, object], key: str) -> Row:
        row = self.rows.get(key)
        if row is None:
            if len(self.rows) >= MAX_ROWS:
                del self.rows[next(iter(self.rows))]
            row = self.rows[key] = Row(clean(key))
        row.name = clean(_text(found, "name")) or row.name
        return row

    def _end(self, found: Mapping[str, object], key: str, what: str) -> Line:
        row = self.rows.pop(key, None)
        name = clean(_text(found, "name")) or (row.name if row else "")
        more = clean(_text(found, {"complete": "file_path", "error": "error_message"}.get(what, "")))
        return Line(what, clean(key), "  ".join(filter(None, (name if name != key else "", more))), lasting=True)


def clean(text: str) -> str:
    """Fit for a terminal: no control characters, and not endless."""
    cut = text if len(text) <= MAX_TEXT_CHARS else text[:MAX_TEXT_CHARS] + "…"
    return "".join(character if character.isprintable() else "·" for character in cut)


def size(count: float) -> str:
    """Bytes for people: 999 B, 1.0 kB, 23.4 MB."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 999.5 or unit == "GB":
            break
        count /= 1000
    return f"{count:.0f} B" if unit == "B" else f"{count:.1f} {unit}"


def _text(found: Mapping[str, object], member: str) -> str:
    value = found.get(member)
    return value if isinstance(value, str) else ""


def _number(found: Mapping[str, object], member: str, otherwise: float) -> float:
    value = found.get(member)
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < _BEYOND_COUNTING:
        return otherwise
    return float(value)
