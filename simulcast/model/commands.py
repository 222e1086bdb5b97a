"""Commands of clients, and their results. Decides; does no I/O."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, get_args

from simulcast.model.position import Position
from simulcast.model.queue_place import QueuePlace

Action = (
    Literal["pause", "resume", "cancel", "retry", "delete", "clear", "limit", "relink"]
    | Literal["move", "prioritize", "schedule", "rename"]
)
JobAction = Literal["cancel_job", "remove_job"]
RequestAction = Literal["add_download", "get_download", "list_downloads", "publish"]
ItemError = Literal[
    "invalid_item", "not_an_object", "invalid_event", "too_large", "invalid_channel", "not_allowed", "unavailable"
]
Reason = (
    Literal["unknown_download", "unknown_job", "invalid_transition", "unavailable", "not_allowed", "invalid_url"]
    | Literal["invalid_member", "conflict", "too_many_channels", "not_waiting"]
    | ItemError
)
ErrorCode = Literal[
    "invalid_json", "not_an_object", "missing_member", "invalid_member", "unknown_action", "too_large", "rate_limited"
]

MAX_COMMAND_BYTES: Final = 4096
MAX_REQUEST_BYTES: Final = 16 * 1024
MAX_BYTES_PER_S: Final = 1_000_000_000_000
MAX_COMMAND_ID_CHARS: Final = 100
ACTIONS: Final[dict[str, Action]] = {
    "pause_download": "pause",
    "resume_download": "resume",
    "cancel_download": "cancel",
    "retry_download": "retry",
    "delete_download": "delete",
    "clear_finished": "clear",
    "limit_download": "limit",
    "relink_download": "relink",
    "move_download": "move",
    "prioritize_download": "prioritize",
    "schedule_download": "schedule",
    "rename_download": "rename",
}
JOB_ACTIONS: Final[tuple[JobAction, ...]] = get_args(JobAction)
REQUEST_ACTIONS: Final[tuple[RequestAction, ...]] = get_args(RequestAction)
_HINTS: Final[dict[Action, str]] = {
    "delete": ": cancel it first",
    "relink": ": it has ended; add the URL instead",
    "move": ": it does not wait for a worker",
    "prioritize": ": it does not wait for a worker",
    "schedule": ": it runs or has ended",
    "rename": ": pause it first, unless it has ended",
}
_NAMES: Final = {action: name for name, action in ACTIONS.items()}


@dataclass(frozen=True, slots=True)
class Command:
    """A command for one download, or, if it is clear, for all that have ended.

    `command_id`, `channel`: "" if the client gave none. `with_file`: delete the file too. `bytes_per_s`: a limit, 0 for
    none. `url`: a fresh link. `place`: where to move it in the queue. `start_at`: no worker takes it before, in seconds
    since 1970; 0.0 for now. `name`: that its file will get.
    """

    action: Action
    download_id: str = ""
    command_id: str = ""
    with_file: bool = False
    bytes_per_s: int = 0
    url: str = field(default="", repr=False)
    channel: str = ""
    place: QueuePlace | None = None
    priority: int = 0
    start_at: float = 0.0
    name: str = ""

    def encode_result(self, reason: Reason | None, message: str = "") -> str:
        """Encode the reply to the client as JSON: accepted (recorded), or rejected with the reason and a message."""
        message = message or (self.describe(reason) if reason else "")
        target = {"download_id": self.download_id} | _named(self.channel)
        return _encode_result(_NAMES[self.action], target, reason, message, self.command_id)

    def describe(self, reason: Reason) -> str:
        """Describe the reason to a person."""
        match reason:
            case "unknown_download" | "unknown_job":
                return f"there is no download {self.download_id}"
            case "invalid_transition":
                hint = _HINTS.get(self.action, "")
                return f"can't {self.action} download {self.download_id} in its present state{hint}"
            case "invalid_url":
                return "the URL can't be downloaded"
            case "not_waiting":
                return f"there is no download {self.place.neighbour if self.place else ''} that waits for a worker"
            case "conflict":
                return "too many downloads were moved to that place: move this one to another place first"
            case _:
                return _describe(reason)


@dataclass(frozen=True, slots=True)
class JobCommand:
    """A command for one job that is no download. `command_id`, `channel`: "" if the client gave none."""

    action: JobAction
    job_id: str
    command_id: str = ""
    channel: str = ""

    def encode_result(self, reason: Reason | None) -> str:
        """Encode the reply to the client as JSON: accepted (recorded), or rejected with the reason."""
        message = self.describe(reason) if reason else ""
        target = {"job_id": self.job_id} | _named(self.channel)
        return _encode_result(self.action, target, reason, message, self.command_id)

    def describe(self, reason: Reason) -> str:
        """Describe the reason to a person."""
        match reason:
            case "unknown_job":
                return f"there is no job {self.job_id}"
            case "invalid_transition" if self.action == "remove_job":
                return f"can't remove job {self.job_id}: it runs, so cancel it first"
            case "invalid_transition":
                return f"can't cancel job {self.job_id}: it has ended, or that was asked for already"
            case _:
                return _describe(reason)


def _named(channel: str) -> dict[str, str]:
    return {"channel": channel} if channel else {}


def _describe(reason: Reason) -> str:
    if reason == "not_allowed":
        return "the token doesn't let you command downloads: get one with the scope command"
    return "the command could not be recorded: try again in a moment"


@dataclass(frozen=True, slots=True)
class SubscriptionCommand:
    """A command to subscribe to a channel, from `since` on, or to unsubscribe. `command_id`: "" for none."""

    subscribe: bool
    channel: str
    since: Position | None = None
    command_id: str = ""

    def encode_result(self, reason: Reason | None, message: str = "", followed: Iterable[str] = ()) -> str:
        """Encode the reply to the client as JSON. `followed`: all channels now, for the answer to a `command_id`."""
        if reason == "not_allowed":
            message = f"the token doesn't let you watch channel {self.channel}: get one whose channels match it"
        message = message or f"channel {self.channel} can't be followed now: try again"
        action = "subscribe" if self.subscribe else "unsubscribe"
        result = _encode_result(action, {"channel": self.channel}, reason, message, self.command_id)
        if reason or not self.command_id:
            return result
        return f'{result[:-1]},"channels":{json.dumps(sorted(followed), separators=(",", ":"))}}}'


@dataclass(frozen=True, slots=True)
class Request:
    """Something to add, to publish or to read: its answer has more than a status.

    `command_id`, `channel`: "" if the client gave none. `members`: the others of the message, as they came, among them
    the channel of `publish`.
    """

    action: RequestAction
    command_id: str
    members: Mapping[str, object] = field(repr=False)
    channel: str = ""

    def encode_answer(self, content: str, download_id: str = "") -> str:
        """Encode the answer to the client. `content`: its further members, as JSON with a leading comma."""
        target = self._target(download_id)
        return f"{_encode_result(self.action, target, None, '', self.command_id)[:-1]}{content}}}"

    def encode_refusal(self, reason: Reason, message: str, download_id: str = "") -> str:
        """Encode the refusal to the client."""
        return _encode_result(self.action, self._target(download_id), reason, message, self.command_id)

    def _target(self, download_id: str) -> dict[str, str]:
        return ({"download_id": download_id} if download_id else {}) | _named(self.channel)


def _encode_result(
    action: str, target: Mapping[str, str], reason: Reason | None, message: str, command_id: str = ""
) -> str:
    status = "rejected" if reason else "accepted"
    result = {"type": "command_result", "action": action, **target, "status": status}
    if command_id:
        result["command_id"] = command_id
    if reason:
        result |= {"reason": reason, "message": message}
    return json.dumps(result, separators=(",", ":"))


@dataclass(frozen=True, slots=True)
class InvalidCommand:
    """JSON that makes no sense: the client gets an error, and the connection stays."""

    code: ErrorCode
    message: str

    def encode(self) -> str:
        """Encode the error to the client as JSON."""
        return json.dumps({"type": "error", "code": self.code, "message": self.message}, separators=(",", ":"))


ClientMessage = Command | JobCommand | SubscriptionCommand | Request | InvalidCommand
