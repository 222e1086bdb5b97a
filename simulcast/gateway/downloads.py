"""Downloads as the server records them: what `add`, `get` and `list` return."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar, cast


@dataclass(frozen=True, slots=True, kw_only=True)
class Download:
    """The present state of one download. Times are seconds since 1970, sizes are bytes, `eta_s` is seconds.

    `state`: queued, running, paused, complete, error or cancelled. All members are in docs/protocol.md.
    """

    download_id: str
    url: str
    name: str
    state: str
    attempt: int
    progress: float
    speed: int
    received_bytes: int
    total_bytes: int | None
    error_message: str | None
    file_path: str | None
    folder: str | None
    worker: str | None
    priority: int
    queue_rank: float | None
    retries: int
    retry_at: float | None
    limit_bytes_per_s: int | None
    phase: str | None
    start_at: float | None
    owner: str | None
    created_at: float
    updated_at: float
    eta_s: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AddedDownload(Download):
    """`existing`: it was there before, of the same URL and options, or by an earlier call with its `download_id`."""

    existing: bool


@dataclass(frozen=True, slots=True)
class DownloadPage:
    """`total`: the number of all that match; of a search, of those that were looked at.

    `next_cursor`: for the next page, None behind the last one. `is_complete`: False where some may be missing.
    """

    downloads: tuple[Download, ...]
    total: int
    next_cursor: str | None = None
    is_complete: bool = True


_Kind = TypeVar("_Kind", bound=Download)


def read_download(kind: type[_Kind], record: object) -> _Kind:
    """Return the server's record as `kind`. Members that this version does not know are left out."""
    members = cast(Mapping[str, object], record)
    # mypy can't see that the names are those of the fields.
    return kind(**{field.name: members.get(field.name) for field in dataclasses.fields(kind)})  # type: ignore[arg-type]
