"""A page of a list of jobs: the jobs that it asks for, the place where it begins, and its records."""

import base64
import binascii
import json
import re
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Generic, Literal, TypeVar

from pydantic import BaseModel

_Record = TypeVar("_Record", bound=BaseModel)
Order = Literal["created", "changed", "queue"]
MAX_CURSOR_CHARS = 1200  # of an id of 200 characters
_NUMBER = re.compile(r"-?[0-9]{1,16}(\.[0-9]{1,6})?")


@dataclass(frozen=True, slots=True)
class Cursor:
    """A place in a list: behind the job of that id, whose time (ms) or score is `number`; without an id, an offset."""

    number: float
    job_id: str = ""

    def encode(self) -> str:
        """Return the text that clients get, which is of no use but to be sent back."""
        return base64.urlsafe_b64encode(f"{self.number} {self.job_id}".encode()).decode().rstrip("=")


def parse_cursor(text: str) -> Cursor:
    """Return the cursor of a text. Raises ValueError for one that no list has given."""
    try:
        padded = text.encode("ascii") + b"=" * (-len(text) % 4)
        number, separator, job_id = base64.b64decode(padded, b"-_", validate=True).decode().partition(" ")
    except (UnicodeError, binascii.Error):
        separator = ""
    if not separator or not _NUMBER.fullmatch(number):
        raise ValueError("this is no `next_cursor` of a list")
    return Cursor(parse_number(number), job_id)


def parse_number(text: str) -> float:
    """Parse the number of a cursor: whole, unless the job was moved in the queue."""
    return float(text) if "." in text else int(text)


@dataclass(frozen=True, slots=True)
class Selection:
    """The jobs of a list, and their order.

    `states`: none for all. `owner`: "" for all. `needles`: any of them is in the name or the host of a download (with
    small letters), or in the text that a job's events have in common. `sort_field`: the field of the record that the
    first jobs of that order are sorted by, "" for no other order.
    """

    states: tuple[str, ...] = ()
    owner: str = ""
    needles: tuple[bytes, ...] = ()
    order: Order = "created"
    descending: bool = True
    sort_field: str = ""
    offset: int = 0
    cursor: Cursor | None = None
    limit: int = 100

    @property
    def is_search(self) -> bool:
        """True where the records have to be read to know the jobs that match."""
        return bool(self.needles or (self.owner and self.order == "queue"))


@dataclass(frozen=True)
class JobPage(Generic[_Record]):
    """`total`: the number of all that match; of a search, of those that were looked at.

    `cursors`: the place behind each record. `next_cursor`: where the list goes on, None at its end. `is_complete`:
    False where jobs that match may be missing, since only so many are looked at: a search goes on at `next_cursor`.
    """

    records: list[_Record]
    total: int
    cursors: list[Cursor]
    next_cursor: Cursor | None
    is_complete: bool

    @cached_property
    def texts(self) -> list[str]:
        """The records as JSON: once for all who share the page."""
        return [record.model_dump_json() for record in self.records]

    @cached_property
    def encoded(self) -> bytes:
        """The records as a list, and the other members of an answer, likewise: JSON without braces."""
        return f"[{','.join(self.texts)}],{self.encode_members()}".encode()

    def cut(self, count: int) -> "JobPage[_Record]":
        """Return the page with so many of its records, at least one if it has any."""
        if count >= len(self.records):
            return self
        return replace(
            self, records=self.records[:count], cursors=self.cursors[:count], next_cursor=self.cursors[count - 1]
        )

    def encode_members(self) -> str:
        """Encode the members of an answer besides the records: JSON without braces."""
        next_cursor = self.next_cursor.encode() if self.next_cursor else None
        members = {"total": self.total, "next_cursor": next_cursor, "is_complete": self.is_complete}
        return json.dumps(members, separators=(",", ":"))[1:-1]
