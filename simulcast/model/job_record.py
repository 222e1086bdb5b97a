"""A download's record: what anyone may read of a job."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, get_args
from urllib.parse import unquote, urlsplit, urlunsplit

from pydantic import BaseModel, computed_field

from simulcast.errors import BrokerUnavailable

State = Literal["queued", "running", "paused", "complete", "error", "cancelled"]
STATES: tuple[State, ...] = get_args(State)
MAX_NAME_CHARS = 200
Sort = Literal["created_at", "updated_at", "name", "total_bytes", "progress", "priority"]


class JobRecord(BaseModel):
    """One download as it stands. Times are seconds since 1970; sizes are bytes.

    `retries`: how often the present attempt was tried again; `retry_at`: when it will be next, while it waits for that,
    and then `error_message` says why. `limit_bytes_per_s`: None for no limit of its own.
    """

    download_id: str
    url: str
    name: str
    state: State
    attempt: int
    progress: float
    speed: int
    received_bytes: int
    total_bytes: int | None
    error_message: str | None
    file_path: str | None
    worker: str | None
    priority: int
    retries: int
    retry_at: float | None
    limit_bytes_per_s: int | None
    created_at: float
    updated_at: float

    @computed_field  # type: ignore[prop-decorator]
    @property
    def eta_s(self) -> int | None:
        """Seconds to go at the present speed, or None while that can't be known."""
        if self.state != "running" or not self.speed or self.total_bytes is None:
            return None
        return round((self.total_bytes - self.received_bytes) / self.speed)


@dataclass(frozen=True, slots=True)
class Query:
    """Which records, in which order. `total_bytes` sorts what is unknown as smallest."""

    state: State | None = None
    sort: Sort = "created_at"
    descending: bool = True
    offset: int = 0
    limit: int = 100

    def apply(self, records: Iterable[JobRecord]) -> tuple[list[JobRecord], int]:
        """One page, and how many match in all."""
        found = [record for record in records if self.state is None or record.state == self.state]
        found.sort(key=self._key, reverse=self.descending)
        return found[self.offset : self.offset + self.limit], len(found)

    def _key(self, record: JobRecord) -> tuple[float | str, str]:
        value: float | str | None = getattr(record, self.sort)
        return (-1.0 if value is None else value, record.download_id)


def event_members(download_id: str, name: str, url: str) -> str:
    """JSON members that every state event of a download carries."""
    return json.dumps({"download_id": download_id, "name": name, "url": url}, separators=(",", ":"))[1:-1]


def redact_url(url: str) -> str:
    """The address without user name and password."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def site_of(url: str) -> str:
    """Host and port that a URL names, for counting what goes on with one server at once; "" where it is no URL."""
    try:
        parts = urlsplit(url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError:
        return ""
    return f"{parts.hostname}:{port}"


def display_name(url: str) -> str:
    """The last segment of its path, "" for none. Nothing in it moves a cursor or turns text around."""
    last = unquote(urlsplit(url).path.rpartition("/")[2])
    return "".join(character for character in last if character.isprintable())[:MAX_NAME_CHARS].strip()


def decode_hash(fields: Mapping[bytes, bytes]) -> dict[str, str]:
    return {name.decode(): value.decode() for name, value in fields.items()}


def parse_record(text: Mapping[str, str]) -> JobRecord:
    try:
        return JobRecord.model_validate(
            {
                **text,
                "url": redact_url(text["url"]),
                "received_bytes": text["received"],
                "total_bytes": None if text["total"] == "null" else text["total"],
                "error_message": text.get("error"),
                "file_path": text.get("file_path"),
                "worker": text.get("worker") or None,
                "priority": text.get("priority", "0"),
                "retries": text.get("retries", "0"),
                "retry_at": int(text["retry_at"]) / 1000 if "retry_at" in text else None,
                "limit_bytes_per_s": text.get("limit") or None,
                "created_at": int(text["created_at"]) / 1000,
                "updated_at": int(text["updated_at"]) / 1000,
            }
        )
    except (KeyError, ValueError, OverflowError) as error:
        raise BrokerUnavailable(f"the record of a download is not readable: {error}") from error
