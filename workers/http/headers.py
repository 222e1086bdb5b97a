"""The header fields of a response, in the order in which they came. No I/O."""

from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from functools import lru_cache


class Headers:
    """Names are compared without regard to case; a name may come several times."""

    def __init__(self, fields: dict[str, str] | None = None) -> None:
        self._fields: dict[str, list[str]] = {name.lower(): [value] for name, value in (fields or {}).items()}

    @classmethod
    def of_file(cls, size: int, modified: int, start: int | None) -> "Headers":
        """Return what an HTTP server would state of a file's bytes from `start` on; a negative number is unknown."""
        fields = {"Accept-Ranges": "none"}
        if size >= 0:
            fields["Content-Length"] = str(size)
            if start is not None:
                fields["Content-Range"] = f"bytes {start}-{start + size - 1}/{start + size}"
        if modified >= 0:
            fields["Last-Modified"] = format_datetime(datetime.fromtimestamp(modified, UTC), usegmt=True)
        return cls(fields)

    def add(self, line: bytes) -> None:
        """Add a field as it came; a line without a colon is no field. Bytes that are no UTF-8 become surrogates."""
        name, colon, value = line.decode(errors="surrogateescape").partition(":")
        if colon:
            self._fields.setdefault(name.strip().lower(), []).append(value.strip(" \t\r\n"))

    def get(self, name: str, default: str = "") -> str:
        """Return the first field of that name."""
        return self.get_all(name)[0] if name.lower() in self._fields else default

    def get_all(self, name: str) -> list[str]:
        """Return every field of that name."""
        return self._fields.get(name.lower(), [])

    def __contains__(self, name: str) -> bool:
        return name.lower() in self._fields


@lru_cache(64)  # the same few come with many files
def parse_date(text: str) -> datetime | None:
    """Return the time, in UTC, of a date in any form that servers send; None for anything else."""
    try:
        date = parsedate_to_datetime(text)
        return (date if date.tzinfo is not None else date.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, TypeError, OverflowError):
        return None
