"""Typed events. `parse` makes one of a message's text.

Event                   anything; `raw` has all its members
├─ DownloadEvent        about one download
│  ├─ DownloadProgress
│  └─ DownloadChange    a change of state
│     ├─ DownloadQueued, DownloadStarted, DownloadResumed, DownloadPaused
│     └─ DownloadComplete, DownloadError, DownloadCancelled, DownloadDeleted
└─ JobEvent             about one job of any other kind
   ├─ JobProgress
   └─ JobChange
      ├─ JobQueued, JobStarted
      └─ JobComplete, JobError, JobCancelled, JobDeleted
"""

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import get_type_hints


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Any event that a client receives; `simulcast.model.events.Event` is one that a publisher has encoded.

    An optional member is None where it was not sent (docs/protocol.md).
    """

    raw: Mapping[str, object] = dataclasses.field(repr=False, hash=False)
    type: str | None = None
    event_id: str | None = None
    channel: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DownloadEvent(Event):
    """`attempt`: one life of a download, from queued to its end; counts from 1."""

    download_id: str
    attempt: int | None = None
    received_bytes: int | None = None
    total_bytes: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DownloadProgress(DownloadEvent):
    """`progress`: 0.0 to 1.0, and 0.0 while the size is unknown; `speed`: bytes a second."""

    progress: float
    speed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DownloadChange(DownloadEvent):
    """`change` counts the changes of state of one download; `url` is without user name and password."""

    change: int | None = None
    name: str | None = None
    url: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DownloadQueued(DownloadChange):
    """It waits for a worker: until `start_at`, where it was given one; after a transient failure, for its next try.

    Then `retry_at` is the time of that, in seconds since 1970, `error_message` the reason, and `retries` the number of
    tries so far.
    """

    start_at: float | None = None
    retry_at: float | None = None
    error_message: str | None = None
    retries: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DownloadStarted(DownloadChange):
    """A worker has begun."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DownloadResumed(DownloadChange):
    """It continues after a pause."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DownloadPaused(DownloadChange):
    """It waits to be resumed, and then until `start_at`, where that is still to come, in seconds since 1970."""

    start_at: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DownloadComplete(DownloadChange):
    """`file_path`: the path of the file, as the server sees it."""

    file_path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DownloadError(DownloadChange):
    """`error_message`: a sentence for people."""

    error_message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DownloadCancelled(DownloadChange):
    """It was cancelled by a command."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DownloadDeleted(DownloadChange):
    """Its record is gone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobEvent(Event):
    """`attempt`: one run of a job, from queued to its end; counts from 1. `done` of `total` `unit`s are done."""

    job_id: str
    kind: str | None = None
    name: str | None = None
    attempt: int | None = None
    done: float | None = None
    total: float | None = None
    unit: str | None = None
    message: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class JobProgress(JobEvent):
    """`progress`: 0.0 to 1.0, and 0.0 while that is unknown."""

    progress: float


@dataclass(frozen=True, slots=True, kw_only=True)
class JobChange(JobEvent):
    """`change` counts the changes of state of one job."""

    change: int | None = None
    progress: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class JobQueued(JobChange):
    """A process will start it; `error_message`: the reason why it is tried again."""

    error_message: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class JobStarted(JobChange):
    """A process has begun."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobComplete(JobChange):
    """It is done; `raw["result"]` is its result, if it has one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobError(JobChange):
    """It failed, or its process was lost. `error_message`: a sentence for people."""

    error_message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class JobCancelled(JobChange):
    """It was cancelled."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobDeleted(JobChange):
    """It was removed from the list."""


_LARGEST_EXACT = 2**53  # among whole numbers; one of 400 digits has no float at all
_KINDS: dict[str, type[Event]] = {
    "download_progress": DownloadProgress,
    "download_queued": DownloadQueued,
    "download_started": DownloadStarted,
    "download_resumed": DownloadResumed,
    "download_paused": DownloadPaused,
    "download_complete": DownloadComplete,
    "download_error": DownloadError,
    "download_cancelled": DownloadCancelled,
    "download_deleted": DownloadDeleted,
    "job_progress": JobProgress,
    "job_queued": JobQueued,
    "job_started": JobStarted,
    "job_complete": JobComplete,
    "job_error": JobError,
    "job_cancelled": JobCancelled,
    "job_deleted": JobDeleted,
}


def _members(kind: type[Event]) -> dict[str, tuple[type, bool]]:
    """Return the type of each member, and whether it is required."""
    hints = get_type_hints(kind)
    members = {}
    for field in dataclasses.fields(kind):
        if field.name != "raw":
            hint = hints[field.name]  # `int`, or `int | None`
            members[field.name] = (getattr(hint, "__args__", (hint,))[0], field.default is dataclasses.MISSING)
    return members


_EVERY_KIND: list[type[Event]] = [Event, *_KINDS.values()]
_MEMBERS = {kind: _members(kind) for kind in _EVERY_KIND}


def parse(text: str) -> Event | None:
    """Return the message as an event; None where it is no JSON object.

    A plain Event where the type is unknown, or a member isn't of its promised type.
    """
    try:
        message = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(message, dict):
        return None
    name = message.get("type")
    kind = _KINDS.get(name, Event) if isinstance(name, str) else Event
    return _make(kind, message) or _make(Event, message) or Event(raw=MappingProxyType(message))


def _make(kind: type[Event], message: dict[str, object]) -> Event | None:
    members: dict[str, object] = {}
    for name, (member_type, is_required) in _MEMBERS[kind].items():
        value = message.get(name)
        if value is None and not is_required:
            continue
        if member_type is float and type(value) is int and abs(value) <= _LARGEST_EXACT:
            value = float(value)
        if type(value) is not member_type:
            return None
        members[name] = value
    # mypy can't see that the members were just checked one by one.
    return kind(raw=MappingProxyType(message), **members)  # type: ignore[arg-type]
