"""Every message of the server, as a model: the types of clients and the descriptions for machines are made of these.

Nothing is parsed by them on the way of an event. A default marks a member that may be absent, and says no more.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from simulcast.model.commands import ErrorCode, Reason
from simulcast.model.job_record import JobRecord, SubmittedRecord

EventId = Annotated[str, Field(description="the position: absent from events that were published past the service")]
Channel = Annotated[str, Field(description="where the connection follows several channels")]
CommandId = Annotated[str, Field(description="the command that asked for it")]
Progress = Annotated[float, Field(description="0.0 to 1.0, and 0.0 while that is unknown")]
Speed = Annotated[int, Field(description="bytes a second")]
StartAt = Annotated[float, Field(description="no worker takes it before: seconds since 1970")]
Overtaken = Annotated[Literal["pause", "cancel", "relink"], Field(description="the command that came too late")]


class Message(BaseModel):
    """Any message."""

    model_config = ConfigDict(extra="forbid")


class StoredEvent(Message):
    """The members of every event of a download or a job."""

    event_id: EventId = ""
    channel: Channel = ""
    attempt: Annotated[int, Field(description="one life, from queued to its end; counts from 1")] = 0
    name: str = ""
    owner: Annotated[str, Field(description="the user whose it is, where one was named")] = ""
    traceparent: Annotated[str, Field(description="the cause, as W3C Trace Context has it, where it is known")] = ""
    command_id: CommandId = ""


class DownloadEventBase(StoredEvent):
    """The members of every event of a download."""

    download_id: str
    received_bytes: int = 0
    total_bytes: Annotated[int | None, Field(description="null while it is unknown")] = None


class DownloadProgress(DownloadEventBase):
    """A download goes on."""

    type: Literal["download_progress"]
    progress: Progress
    speed: Speed
    phase: Annotated[Literal["checksum"], Field(description="while the file is read for its checksum")] = "checksum"
    checked_bytes: int = 0


class DownloadChange(DownloadEventBase):
    """The members of every change of a download's state."""

    change: Annotated[int, Field(description="numbers the changes that the service recorded")] = 0
    url: Annotated[str, Field(description="without user name and password")] = ""
    progress: Progress = 0.0
    speed: Speed = 0
    overtaken: Overtaken = "pause"


class DownloadQueued(DownloadChange):
    """A download waits for a worker: from its start on, and after a failure for its next try. Its place may change."""

    type: Literal["download_queued"]
    priority: Annotated[int, Field(description="higher ones go first")] = 0
    queue_rank: Annotated[float, Field(description="its place: the lowest of those that wait goes first")] = 0.0
    start_at: StartAt = 0.0
    retry_at: Annotated[float, Field(description="seconds since 1970")] = 0.0
    error_message: Annotated[str, Field(description="why the try before it failed")] = ""
    retries: int = 0


class DownloadStarted(DownloadChange):
    """A worker has begun."""

    type: Literal["download_started"]


class DownloadResumed(DownloadChange):
    """A download continues after a pause."""

    type: Literal["download_resumed"]


class DownloadPaused(DownloadChange):
    """A download waits to be resumed."""

    type: Literal["download_paused"]
    start_at: StartAt = 0.0


class DownloadComplete(DownloadChange):
    """The file is there."""

    type: Literal["download_complete"]
    file_path: Annotated[str, Field(description="as the server sees it")]


class DownloadError(DownloadChange):
    """A download failed."""

    type: Literal["download_error"]
    error_message: Annotated[str, Field(description="a sentence for people")]


class DownloadCancelled(DownloadChange):
    """A download was cancelled by a command."""

    type: Literal["download_cancelled"]


class DownloadDeleted(DownloadChange):
    """The record of a download is gone."""

    type: Literal["download_deleted"]
    reason: Annotated[Literal["too_many"], Field(description="where the service itself removed it")] = "too_many"


class JobEventBase(StoredEvent):
    """The members of every event of a job of another kind: `done` of `total` `unit`s are done."""

    job_id: str
    kind: str = ""
    done: float = 0
    total: float = 0
    unit: str = ""
    message: Annotated[str, Field(description="its present step, for people")] = ""


class JobProgress(JobEventBase):
    """A job goes on."""

    type: Literal["job_progress"]
    progress: Progress


class JobChange(JobEventBase):
    """The members of every change of a job's state."""

    change: Annotated[int, Field(description="numbers the changes that the service recorded")] = 0
    progress: Progress = 0.0
    overtaken: Overtaken = "cancel"


class JobQueued(JobChange):
    """A process will start it."""

    type: Literal["job_queued"]
    error_message: Annotated[str, Field(description="why the attempt before it failed")] = ""


class JobStarted(JobChange):
    """A process has begun."""

    type: Literal["job_started"]


class JobComplete(JobChange):
    """A job is done."""

    type: Literal["job_complete"]
    result: Any = None


class JobError(JobChange):
    """A job failed, or its process was lost."""

    type: Literal["job_error"]
    error_message: Annotated[str, Field(description="a sentence for people")]


class JobCancelled(JobChange):
    """A job was cancelled."""

    type: Literal["job_cancelled"]


class JobDeleted(JobChange):
    """A job was removed from the list."""

    type: Literal["job_deleted"]


class Hello(Message):
    """The first message of a channel in simulcast.v1."""

    type: Literal["hello"]
    channel: str
    position: str
    recovered: Annotated[bool, Field(description="true: all missed events follow; false: the snapshot does")]
    ping_interval_s: float


class PositionMark(Message):
    """The position of a quiet channel, in simulcast.v1."""

    type: Literal["position"]
    position: str
    channel: Channel = ""


class CommandResult(Message):
    """The answer to a command: accepted means recorded; rejected has a reason, and a message for people."""

    type: Literal["command_result"]
    action: str
    status: Literal["accepted", "rejected"]
    command_id: CommandId = ""
    download_id: str = ""
    job_id: str = ""
    channel: str = ""
    reason: Reason = "unavailable"
    message: str = ""
    download: Annotated[SubmittedRecord | JobRecord | None, Field(description="of add_download and get_download")] = (
        None
    )
    downloads: Annotated[list[JobRecord], Field(description="of list_downloads")] = []
    total: Annotated[int, Field(description="the number of all that match; of a search, of those looked at")] = 0
    next_cursor: Annotated[str | None, Field(description="the `cursor` of the next page")] = None
    is_complete: Annotated[bool, Field(description="false where some that match may be missing")] = True
    published: Annotated[str, Field(description="of publish: the event_id")] = ""
    channels: Annotated[list[str], Field(description="of subscribe and unsubscribe: all that are followed")] = []


class CommandError(Message):
    """JSON that is no command."""

    type: Literal["error"]
    code: ErrorCode
    message: str


DownloadEvent = Annotated[
    DownloadProgress
    | DownloadQueued
    | DownloadStarted
    | DownloadResumed
    | DownloadPaused
    | DownloadComplete
    | DownloadError
    | DownloadCancelled
    | DownloadDeleted,
    Field(discriminator="type"),
]
JobEvent = Annotated[
    JobProgress | JobQueued | JobStarted | JobComplete | JobError | JobCancelled | JobDeleted,
    Field(discriminator="type"),
]
ServerMessage = Annotated[
    DownloadEvent | JobEvent | Hello | PositionMark | CommandResult | CommandError, Field(discriminator="type")
]
UNIONS: dict[str, Any] = {"DownloadEvent": DownloadEvent, "JobEvent": JobEvent, "ServerMessage": ServerMessage}
