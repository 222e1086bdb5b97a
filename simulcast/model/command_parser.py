"""Commands and requests of clients, read from JSON. Does no I/O."""

import json
from typing import Final, Literal

from pydantic_core import from_json

from simulcast.model.channel import ChannelNames
from simulcast.model.commands import (
    ACTIONS,
    JOB_ACTIONS,
    MAX_BYTES_PER_S,
    MAX_COMMAND_BYTES,
    MAX_COMMAND_ID_CHARS,
    MAX_REQUEST_BYTES,
    REQUEST_ACTIONS,
    Action,
    ClientMessage,
    Command,
    InvalidCommand,
    JobAction,
    JobCommand,
    Request,
    SubscriptionCommand,
)
from simulcast.model.events import MAX_ID_CHARS
from simulcast.model.file_place import parse_file_name
from simulcast.model.position import Position
from simulcast.model.queue_place import MAX_PRIORITY, QueuePlace
from simulcast.model.repeated import check_members
from simulcast.model.start_time import parse_new_start

_ALL_ACTIONS: Final = (*ACTIONS, *JOB_ACTIONS, *REQUEST_ACTIONS, "subscribe", "unsubscribe")


def parse(text: str) -> ClientMessage | None:
    """Parse a client's text; None for text that isn't meant as JSON, which is ignored."""
    limit = MAX_REQUEST_BYTES if any(action in text for action in REQUEST_ACTIONS) else MAX_COMMAND_BYTES
    if len(text) > limit:
        return InvalidCommand("too_large", f"a message has at most {limit:,} characters, not {len(text):,}")
    try:
        members = from_json(text, allow_inf_nan=False)
    except ValueError as error:
        if text.lstrip()[:1] not in ("{", "["):
            return None
        return InvalidCommand("invalid_json", f"this can't be read as JSON: {error}"[:250])
    if not isinstance(members, dict):
        return InvalidCommand(
            "not_an_object",
            'a command is a JSON object such as {"action":"pause_download","download_id":"12345"}',
        )
    try:
        check_members(text)
    except ValueError as error:
        return InvalidCommand("invalid_member", str(error))
    if "action" not in members:
        return InvalidCommand("missing_member", f"a command needs the member action, one of {', '.join(_ALL_ACTIONS)}")
    action = members.pop("action")
    if not isinstance(action, str) or action not in _ALL_ACTIONS:
        return InvalidCommand(
            "unknown_action", f"there is no action {json.dumps(action)[:80]}; there are {', '.join(_ALL_ACTIONS)}"
        )
    command_id = members.pop("command_id", "")
    if not isinstance(command_id, str) or len(command_id) > MAX_COMMAND_ID_CHARS:
        return InvalidCommand("invalid_member", f"command_id is text of at most {MAX_COMMAND_ID_CHARS} characters")
    if action in ("subscribe", "unsubscribe"):
        return _parse_subscription(action == "subscribe", command_id, members)
    if action == "publish":
        return Request("publish", command_id, members)
    try:
        channel = _take_channel(members)
    except ValueError as error:
        return InvalidCommand("invalid_member", str(error))
    for request in REQUEST_ACTIONS:
        if request == action:
            return Request(request, command_id, members, channel)
    for job_action in JOB_ACTIONS:
        if job_action == action:
            return _parse_job_command(job_action, command_id, channel, members)
    return _parse_download_command(ACTIONS[action], command_id, channel, members)


def _take_channel(members: dict[str, object]) -> str:
    """Remove and return the member `channel`, "" where there is none. Raises ValueError."""
    if "channel" not in members:
        return ""
    channel = members.pop("channel")
    return ChannelNames(channel if isinstance(channel, str) else "").channel


def _parse_subscription(
    subscribe: bool, command_id: str, members: dict[str, object]
) -> SubscriptionCommand | InvalidCommand:
    channel, since = members.get("channel"), members.get("since")
    try:
        if not isinstance(channel, str) or not isinstance(since, str | None):
            raise TypeError("subscribe and unsubscribe need the member channel as text, and since, where given, too")
        ChannelNames(channel)
        position = Position.parse(since) if since else None
    except (TypeError, ValueError) as error:
        return InvalidCommand("invalid_member", str(error))
    return SubscriptionCommand(subscribe, channel, position, command_id)


def _parse_job_command(
    action: JobAction, command_id: str, channel: str, members: dict[str, object]
) -> JobCommand | InvalidCommand:
    if "job_id" not in members:
        return InvalidCommand("missing_member", f"{action} needs the member job_id")
    job_id = members["job_id"]
    if not isinstance(job_id, str) or not 1 <= len(job_id) <= MAX_ID_CHARS:
        return InvalidCommand("invalid_member", f"job_id is text of 1 to {MAX_ID_CHARS} characters")
    return JobCommand(action, job_id, command_id, channel)


def _parse_download_command(
    action: Action, command_id: str, channel: str, members: dict[str, object]
) -> Command | InvalidCommand:
    if action == "clear":
        return Command("clear", command_id=command_id, channel=channel)
    if "download_id" not in members:
        return InvalidCommand("missing_member", f"{action}_download needs the member download_id")
    download_id, with_file = members["download_id"], members.get("file", False)
    if not isinstance(download_id, str) or not 1 <= len(download_id) <= MAX_ID_CHARS:
        return InvalidCommand("invalid_member", f"download_id is text of 1 to {MAX_ID_CHARS} characters")
    if not isinstance(with_file, bool):
        return InvalidCommand("invalid_member", "file is true or false")
    if action == "move" or action == "prioritize" or action == "schedule" or action == "rename":
        return _parse_order(action, download_id, command_id, channel, members)
    limit = members.get("bytes_per_s", 0)
    if type(limit) is not int or not 0 <= limit <= MAX_BYTES_PER_S:
        return InvalidCommand(
            "invalid_member", f"bytes_per_s is a whole number from 0 (no limit) to {MAX_BYTES_PER_S:,}"
        )
    if action == "limit" and "bytes_per_s" not in members:
        return InvalidCommand("missing_member", "limit_download needs the member bytes_per_s, 0 for no limit")
    if action == "relink":
        url = members.get("url")
        if not isinstance(url, str):
            return InvalidCommand("missing_member", "relink_download needs the member url, as text")
        return Command(action, download_id, command_id, url=url, channel=channel)
    limit = limit if action == "limit" else 0
    return Command(action, download_id, command_id, with_file, limit, channel=channel)


def _parse_order(
    action: Literal["move", "prioritize", "schedule", "rename"],
    download_id: str,
    command_id: str,
    channel: str,
    members: dict[str, object],
) -> Command | InvalidCommand:
    member = {"move": "position", "prioritize": "priority", "schedule": "start_at", "rename": "name"}[action]
    if member not in members:
        return InvalidCommand("missing_member", f"{action}_download needs the member {member}")
    if action == "move":
        try:
            place = QueuePlace.parse(members["position"], download_id)
        except ValueError as error:
            return InvalidCommand("invalid_member", f"position: {error}")
        return Command("move", download_id, command_id, channel=channel, place=place)
    if action == "schedule":
        try:
            start_at = parse_new_start(members["start_at"])
        except ValueError as error:
            return InvalidCommand("invalid_member", f"start_at {error}")
        return Command("schedule", download_id, command_id, channel=channel, start_at=start_at)
    if action == "rename":
        try:
            name = parse_file_name(members["name"])
        except ValueError as error:
            return InvalidCommand("invalid_member", f"name: {error}")
        return Command("rename", download_id, command_id, channel=channel, name=name)
    priority = members["priority"]
    if type(priority) is not int or abs(priority) > MAX_PRIORITY:
        return InvalidCommand("invalid_member", f"priority is a whole number from {-MAX_PRIORITY} to {MAX_PRIORITY}")
    return Command("prioritize", download_id, command_id, channel=channel, priority=priority)
