"""The messages that a client sends, as schemas. `simulcast.model.command_parser` reads them."""

from typing import Annotated, Final, Literal

from pydantic import BaseModel, Field

from simulcast.model.channel import CHANNEL_PATTERN, DEFAULT_CHANNEL
from simulcast.model.commands import MAX_BYTES_PER_S, MAX_COMMAND_ID_CHARS
from simulcast.model.download_url import MAX_URL_CHARS
from simulcast.model.events import MAX_ID_CHARS
from simulcast.model.file_place import FileName
from simulcast.model.queue_place import Priority, QueuePosition
from simulcast.model.requests import AddDownload, GetDownload, ListDownloads, PublishItem
from simulcast.model.start_time import NewStart

_Id = Annotated[str, Field(min_length=1, max_length=MAX_ID_CHARS)]
_Channel = Annotated[str, Field(pattern=f"^{CHANNEL_PATTERN}$")]


class _Command(BaseModel):
    command_id: Annotated[
        str, Field(max_length=MAX_COMMAND_ID_CHARS, description="best random: the command may be sent again with it")
    ] = ""


class _InChannel(_Command):
    channel: Annotated[_Channel, Field(description="without it, that of the token's user")] = DEFAULT_CHANNEL


class _OfDownload(_InChannel):
    download_id: _Id


class _OfJob(_InChannel):
    job_id: _Id


class PauseDownload(_OfDownload):
    """Pause a download that is queued or running."""

    action: Literal["pause_download"]


class ResumeDownload(_OfDownload):
    """Resume a download that is paused."""

    action: Literal["resume_download"]


class CancelDownload(_OfDownload):
    """Cancel a download that has not ended."""

    action: Literal["cancel_download"]


class RetryDownload(_OfDownload):
    """Begin a new attempt of a download that has failed or was cancelled."""

    action: Literal["retry_download"]


class DeleteDownload(_OfDownload):
    """Forget a download that does not run."""

    action: Literal["delete_download"]
    file: Annotated[bool, Field(description="remove its file, too")] = False


class LimitDownload(_OfDownload):
    """Limit the speed of a download that is not complete."""

    action: Literal["limit_download"]
    bytes_per_s: Annotated[int, Field(ge=0, le=MAX_BYTES_PER_S, description="0 for no limit")]


class RelinkDownload(_OfDownload):
    """Give a download that is not complete a fresh link."""

    action: Literal["relink_download"]
    url: Annotated[str, Field(max_length=MAX_URL_CHARS)]


class MoveDownload(_OfDownload):
    """Move a download that waits to another place in the queue."""

    action: Literal["move_download"]
    position: QueuePosition


class PrioritizeDownload(_OfDownload):
    """Change the priority of a download that waits."""

    action: Literal["prioritize_download"]
    priority: Priority


class ScheduleDownload(_OfDownload):
    """Change the time from which workers may take a download that waits or is paused."""

    action: Literal["schedule_download"]
    start_at: NewStart


class RenameDownload(_OfDownload):
    """Change the name that the file of a download that waits or is paused will get."""

    action: Literal["rename_download"]
    name: FileName


class ClearFinished(_InChannel):
    """Forget all downloads and jobs that have ended; files stay."""

    action: Literal["clear_finished"]


class CancelJob(_OfJob):
    """Ask the process that runs a job to end it."""

    action: Literal["cancel_job"]


class RemoveJob(_OfJob):
    """Remove a job that does not run from the list."""

    action: Literal["remove_job"]


class Subscribe(_Command):
    """Follow one more channel."""

    action: Literal["subscribe"]
    channel: _Channel
    since: Annotated[
        str | None,
        Field(pattern=r"^[0-9]+-[0-9]+$", description="the `event_id` of the last event that the client has"),
    ] = None


class Unsubscribe(_Command):
    """Follow a channel no longer."""

    action: Literal["unsubscribe"]
    channel: _Channel


class Authenticate(BaseModel):
    """The first message of a client that could send its token in no other way."""

    action: Literal["authenticate"]
    token: str


class AddDownloadAction(AddDownload, _InChannel):
    """Queue a download, unless there is one of the same URL and options."""

    action: Literal["add_download"]


class GetDownloadAction(GetDownload, _InChannel):
    """Read the record of one download."""

    action: Literal["get_download"]


class ListDownloadsAction(ListDownloads, _InChannel):
    """Read a page of downloads."""

    action: Literal["list_downloads"]


class PublishAction(PublishItem, _Command):
    """Publish one event."""

    action: Literal["publish"]


ACTION_MESSAGES: Final[tuple[type[BaseModel], ...]] = (
    *(PauseDownload, ResumeDownload, CancelDownload, RetryDownload, DeleteDownload, LimitDownload, RelinkDownload),
    *(MoveDownload, PrioritizeDownload, ScheduleDownload, RenameDownload, ClearFinished, CancelJob, RemoveJob),
    *(AddDownloadAction, GetDownloadAction, ListDownloadsAction, PublishAction),
    *(Subscribe, Unsubscribe, Authenticate),
)
