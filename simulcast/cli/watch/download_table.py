"""The downloads of `simulcast watch`: a row for each active one, and a line for each message.

Decides; does no I/O. Received text is cleaned first: a file's name may hold a terminal's control characters.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from simulcast.model.events import END_TYPES

MAX_ROWS = 10_000  # the oldest goes first
MAX_TEXT_CHARS = 300
_MAX_NUMBER = 2**63  # JSON may hold a whole number that has no float, and 1e400, which is infinite
_STATES = {
    "download_queued": "queued",
    "download_started": "running",
    "download_resumed": "running",
    "download_paused": "paused",
    "download_progress": "running",
}


@dataclass(slots=True)
class Row:
    """One active download. Sizes are bytes, `speed` bytes a second; `total` is 0 while unknown."""

    name: str
    state: str = "queued"
    progress: float = 0.0
    speed: float = 0.0
    received: float = 0.0
    total: float = 0.0

    @property
    def remaining_s(self) -> float | None:
        """Seconds to its end at this speed; None while that is unknown."""
        return (self.total - self.received) / self.speed if self.speed and self.total >= self.received > 0 else None


@dataclass(frozen=True, slots=True)
class Line:
    """A line to print. `lasting` is False for a message that only moves a bar."""

    label: str
    download_id: str
    text: str
    lasting: bool

    def __str__(self) -> str:
        return "  ".join(filter(None, (f"{self.label:<9}", self.download_id, self.text)))


@dataclass(slots=True)
class DownloadTable:
    """The active downloads by id, oldest first."""

    rows: dict[str, Row] = field(default_factory=dict)

    def apply(self, message: str) -> Line:
        """Apply one message from the server, and return its line."""
        try:
            event = json.loads(message)
        except (ValueError, RecursionError):
            event = None
        if not isinstance(event, dict):
            return Line("text", "", clean(message), lasting=True)
        kind, key = _text(event, "type"), _text(event, "download_id")
        label = kind.removeprefix("download_")
        if key and kind in END_TYPES:
            return self._end(event, key, label)
        if not key or kind not in _STATES:
            return Line("event", "", clean(message), lasting=True)
        row = self._row(event, key)
        row.state = clean(_text(event, "phase")) or _STATES[kind]
        row.progress = min(max(_number(event, "progress", row.progress), 0.0), 1.0)
        row.speed = _number(event, "speed", 0.0)
        row.received = _number(event, "received_bytes", row.received)
        row.total = _number(event, "total_bytes", row.total)
        text = f"{row.progress:6.1%}  {size(row.speed)}/s  {row.name}" if label == "progress" else row.name
        return Line(label, clean(key), text, lasting=False)

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
        return Line(label, clean(key), "  ".join(filter(None, (name if name != key else "", detail))), lasting=True)


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
