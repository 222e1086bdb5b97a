"""A download's public record."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args
from urllib.parse import unquote, urlsplit, urlunsplit

from pydantic import BaseModel, computed_field

from simulcast.errors import BrokerUnavailable
from simulcast.model.job_page import Cursor, Order, Selection

State = Literal["queued", "running", "paused", "complete", "error", "cancelled"]
STATES: tuple[State, ...] = get_args(State)
MAX_NAME_CHARS = 200
_PORTS = {"https": 443, "ftp": 21, "ftps": 990, "sftp": 22}
Sort = Literal["created_at", "updated_at", "ended_at", "queue", "name", "total_bytes", "progress", "priority"]
ENDS: tuple[State, ...] = ("complete", "error", "cancelled")
_ORDERS: dict[Sort, Order] = {"updated_at": "changed", "ended_at": "changed", "queue": "queue"}
_SORT_FIELDS: dict[Sort, str] = {"name": "name", "total_bytes": "total", "progress": "progress", "priority": "priority"}


class JobRecord(BaseModel):
    """The present state of one download. Times are seconds since 1970, sizes are bytes.

    `retries`: failed tries of the present attempt. `retry_at`: time of the next try, while the download waits for it;
    `error_message` is then the reason of the last failure. `limit_bytes_per_s`: None for no limit of its own. `phase`:
    `checksum` while the file is read for its checksum. `start_at`: no worker takes it before. `owner`: the user who
    added it, None for nobody in particular. `queue_rank`: the place in the queue while it waits: workers claim the
    lowest first. `folder`: below the channel's download folder, in which the file is, or will be; None for that itself.
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
    folder: str | None = None
    worker: str | None
    priority: int
    queue_rank: float = 0.0
    retries: int
    retry_at: float | None
    limit_bytes_per_s: int | None
    phase: str | None = None
    start_at: float | None = None
    owner: str | None = None
    created_at: float
    updated_at: float

    @computed_field  # type: ignore[prop-decorator]
    @property
    def eta_s(self) -> int | None:
        """Seconds to go at the present speed; None if speed or size is unknown."""
        if self.state != "running" or not self.speed or self.total_bytes is None:
            return None
        return round((self.total_bytes - self.received_bytes) / self.speed)


class SubmittedRecord(JobRecord):
    """The record of a submission. `existing`: it is an earlier download of the same URL and options."""

    existing: bool


@dataclass(frozen=True, slots=True)
class Query:
    """A page of records: of one state and one owner, or of all, whose name or host contains `search`, in an order.

    `updated_at`: of the last change of state; `ended_at`: only those that ended; `queue`: only those that wait,
    ascending as workers claim them, behind them those that wait for their next try. Other orders are of the newest
    MAX_SORTED that match (simulcast.job_list); an unknown `total_bytes` sorts as the smallest. `cursor`: where the
    page begins, in place of `offset`.
    """

    state: State | None = None
    sort: Sort = "created_at"
    descending: bool = True
    offset: int = 0
    limit: int = 100
    owner: str = ""
    search: str = ""
    cursor: Cursor | None = None

    def select(self) -> Selection:
        """Return the jobs that the page is of."""
        all_states: tuple[State, ...] = {"ended_at": ENDS, "queue": ("queued",)}.get(self.sort, ())
        return Selection(
            states=all_states if self.state is None else (self.state,),
            owner=self.owner,
            needles=_needles(self.search),
            order=_ORDERS.get(self.sort, "created"),
            descending=self.descending,
            sort_field=_SORT_FIELDS.get(self.sort, ""),
            offset=self.offset,
            cursor=self.cursor,
            limit=self.limit,
        )


def _needles(search: str) -> tuple[bytes, ...]:
    """Return the texts to look for, of which a match has one: Redis knows small letters of A to Z alone."""
    if not search:
        return ()
    variants = (search, search.lower(), search.upper(), search.title())
    return tuple(sorted({text.encode(errors="replace").lower() for text in variants}))


def event_members(download_id: str, name: str, url: str, owner: str | None, traceparent: str = "") -> str:
    """Encode the members that every state event of a download carries: JSON without braces.

    The URL is the last one: lua/links.lua replaces it.
    """
    optional = {"owner": owner, "traceparent": traceparent}
    given = {member: text for member, text in optional.items() if text}
    members = {"download_id": download_id, "name": name, **given, "url": url}
    return json.dumps(members, ensure_ascii=False, separators=(",", ":"))[1:-1]


def link_of(url: str) -> str:
    """Encode a URL as the field `link` of a job's record."""
    return f"{site_of(url)}\n{json.dumps(redact_url(url))}\n{url}"


def redact_url(url: str) -> str:
    """Return the URL without user name and password."""
    if "@" not in url:
        return url
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def site_of(url: str) -> str:
    """Return host and port, by which the downloads from one server are counted; "" for an invalid URL."""
    try:
        parts = urlsplit(url)
        port = parts.port or _PORTS.get(parts.scheme, 80)
    except ValueError:
        return ""
    return f"{parts.hostname}:{port}"


def display_name(url: str) -> str:
    """Return the last segment of the URL's path, without characters that move a cursor or turn text around."""
    segment = unquote(urlsplit(url).path.rpartition("/")[2])
    return "".join(character for character in segment if character.isprintable())[:MAX_NAME_CHARS].strip()


def decode_hash(fields: Mapping[bytes, bytes]) -> dict[str, str]:
    """Decode the reply of HGETALL."""
    return {name.decode("utf-8", "replace"): value.decode("utf-8", "replace") for name, value in fields.items()}


RECORD_FIELDS = (
    *("download_id", "url", "name", "state", "attempt", "progress", "speed", "received", "total", "error", "file_path"),
    *("folder", "file_folder", "worker", "priority", "rank", "retries", "retry_at", "limit", "phase", "start_at"),
    *("owner", "created_at", "updated_at"),
)
"""The fields of a job's hash that `parse_record` reads: all others may be large, and secret."""


def parse_record(fields: Mapping[str, str]) -> JobRecord:
    """Parse a job's hash. Raises BrokerUnavailable for one that is not readable."""
    try:
        return JobRecord.model_validate(
            {
                **fields,
                "url": redact_url(fields["url"]),
                "received_bytes": fields["received"],
                "total_bytes": None if fields["total"] == "null" else fields["total"],
                "error_message": fields.get("error"),
                "file_path": fields.get("file_path"),
                # Of a file that is there, the folder that its worker used: an older one knows none.
                "folder": fields.get("file_folder" if "file_path" in fields else "folder") or None,
                "worker": fields.get("worker") or None,
                "priority": fields.get("priority", "0"),
                "queue_rank": fields.get("rank", "0"),
                "retries": fields.get("retries", "0"),
                "retry_at": int(fields["retry_at"]) / 1000 if "retry_at" in fields else None,
                "start_at": int(fields["start_at"]) / 1000 if "start_at" in fields else None,
                "limit_bytes_per_s": fields.get("limit") or None,
                "created_at": int(fields["created_at"]) / 1000,
                "updated_at": int(fields["updated_at"]) / 1000,
            }
        )
    except (KeyError, ValueError, OverflowError) as error:
        raise BrokerUnavailable(f"the record of a download is not readable: {error}") from error
