"""Events in wire form: the three of the original app, the other states of a download, and any other JSON object.

Rules for the wire: flat JSON; `progress` always has a decimal point and is never null, `speed` never has one, because
Dart throws on `1` where it wants a double.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from simulcast.errors import EventTooLarge, InvalidEvent
from simulcast.model.trace_context import add_traceparent, parse_traceparent

MAX_EVENT_BYTES = 64 * 1024
MAX_ID_CHARS = 200
SILENT_TTL_S = 600  # how long a snapshot keeps the newest event of a key without an owner
MAX_TTL_S = 7 * 24 * 3600
END_OF_KEY = "e:::"  # the label of an end of a type of one's own
_FORBIDDEN = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")

PROGRESS_TYPES = frozenset({"download_progress", "job_progress"})
STATE_TYPES = frozenset({"download_queued", "download_started", "download_resumed", "download_paused"})
END_TYPES = frozenset({"download_complete", "download_error", "download_cancelled", "download_deleted"})
JOB_STATE_TYPES = frozenset({"job_queued", "job_started"})
JOB_END_TYPES = frozenset({"job_complete", "job_error", "job_cancelled", "job_deleted"})
_ENDS = END_TYPES | JOB_END_TYPES
_CHANGES = STATE_TYPES | JOB_STATE_TYPES | _ENDS
_REQUIRED_TEXT = {
    "download_complete": "file_path",
    "download_error": "error_message",
    "job_error": "error_message",
}
# Types of a front-end's own messages, which carry positions and results of commands and have no event_id.
_RESERVED_TYPES = frozenset({"hello", "position", "command_result"})
# Text that a lenient client could take for a message of a front-end: escapes may spell its members, too.
_LOOKS_RESERVED = re.compile(r'[\ufeff\s]*\{.*(event_id|"hello"|"position"|"command_result"|\\u)', re.DOTALL)
MAX_QUOTED_CHARS = 80


JsonObject = Mapping[str, object]


def progress_event(download_id: str, progress: float, speed: int) -> JsonObject:
    """`progress`: 0.0 to 1.0; `speed`: bytes a second."""
    return {"type": "download_progress", "download_id": download_id, "progress": progress, "speed": speed}


def complete_event(download_id: str, file_path: str) -> JsonObject:
    """`file_path`: the path of the file for the reader of the event."""
    return {"type": "download_complete", "download_id": download_id, "file_path": file_path}


def error_event(download_id: str, error_message: str) -> JsonObject:
    """`error_message`: a sentence that a person understands."""
    return {"type": "download_error", "download_id": download_id, "error_message": error_message}


Message = str | bytes | JsonObject


@dataclass(frozen=True, slots=True)
class Event:
    """One event in wire form.

    `payload`: a JSON object in UTF-8. `key`: the id of its download, or "". `label`: its relation to others of its key:
    `p` newer supersedes older; `s:<type>:<attempt>:<change>` a change of state; `e:…` a terminal one; `-` none.
    `ttl_s`: how long a snapshot keeps it without news of its key, unless its key has an owner; 0 for the default.
    """

    payload: bytes
    key: str
    label: str
    ttl_s: int = 0


def encode(
    message: Message, key: str = "", *, ttl_s: int | None = None, ends: bool = False, traceparent: str = ""
) -> Event | str:
    """Put a message into wire form. Text that is no JSON object comes back as it is, for live delivery only.

    `key`: for an event of a type of your own; newer events supersede older ones of the same key. `ends`: it ends that
    key. `ttl_s`: for an event with a key that does not end it, 1 to MAX_TTL_S.
    `traceparent`: a member of an object that has none, unless it is too large with it; one of another form is left out.
    Raises InvalidEvent for an event that clients could not read, EventTooLarge beyond MAX_EVENT_BYTES.
    """
    members, text = _load(message)
    if members is None:
        if key or ends or ttl_s is not None:
            raise InvalidEvent("only a JSON object has a key, ends and ttl_s: this is other text")
        return text
    if "event_id" in members:
        raise InvalidEvent("the event already has the member event_id, which publishing gives: leave it out")
    event = _build_event(members, text, key, ends)
    if traceparent and "traceparent" not in members and parse_traceparent(traceparent):
        traced = add_traceparent(event.payload, traceparent)
        event = replace(event, payload=traced) if len(traced) <= MAX_EVENT_BYTES else event
    if (key and key != event.key) or (ends and event.label != END_OF_KEY):
        raise InvalidEvent(f"{quote(members['type'])} has a key and ends of its own: leave out key and ends")
    return event if ttl_s is None else replace(event, ttl_s=_check_ttl(event, ttl_s))


def _check_ttl(event: Event, ttl_s: int) -> int:
    if event.label[0] not in "ps":
        raise InvalidEvent("ttl_s is for an event with a key that does not end it: ends are kept for ten minutes")
    if isinstance(ttl_s, bool) or not isinstance(ttl_s, int) or not 1 <= ttl_s <= MAX_TTL_S:
        raise InvalidEvent(f"ttl_s is a whole number of seconds from 1 to {MAX_TTL_S}, not {quote(ttl_s)}")
    return ttl_s


def encode_external(text: str) -> Event | str:
    """Encode a plain PUBLISH, past the library: as `encode`, but without an `event_id` that it may have.

    Raises InvalidEvent also for text that looks like a front-end's own message, since it gets no `event_id`.
    """
    members, text = _load(text)
    if members is None:
        return text
    kind = members.get("type")
    if isinstance(kind, str) and kind in _RESERVED_TYPES:
        raise InvalidEvent(f"only front-ends send {kind}: use another type, or publish it by a broker")
    if "event_id" in members:
        del members["event_id"]
        text = ""
    return _build_event(members, text, "", False)


def _load(message: Message) -> tuple[dict[str, object] | None, str]:
    """Return the message as an object (None if it is none), and its text if it came as text."""
    if isinstance(message, bytes):
        try:
            message = message.decode()
        except UnicodeDecodeError as error:
            raise InvalidEvent(f"the event is not UTF-8 (byte {error.start}): encode it as UTF-8") from error
    if isinstance(message, str):
        try:
            size = len(message.encode())
        except UnicodeEncodeError as error:
            raise InvalidEvent(
                f"the event has half of a surrogate pair (character {error.start}): replace it, or escape it in JSON"
            ) from error
        _check_size(size)
        return _parse(message), message
    if isinstance(message, Mapping):
        return dict(message), ""
    raise InvalidEvent(f"an event is text or a mapping, not {type(message).__name__}")


def _parse(text: str) -> dict[str, object] | None:
    try:
        members = json.loads(text, parse_constant=_reject_constant)
    except (ValueError, RecursionError) as error:  # no JSON, or nested too deep to be an event
        if _LOOKS_RESERVED.match(text):
            raise InvalidEvent(
                "a JSON object that can't be read must not look like one with an event_id, or like one of a front-end"
            ) from error
        return None
    return members if isinstance(members, dict) else None


def _reject_constant(name: str) -> object:
    raise ValueError(f"{name} is no JSON")


def _build_event(members: dict[str, object], text: str, key: str, ends: bool) -> Event:
    kind = members.get("type")
    if isinstance(kind, str) and kind in PROGRESS_TYPES:
        key = _normalise(members, kind)
        if kind == "job_progress" and "progress" not in members and "done" in members:
            done, total = _read_number(members, "done"), _read_number(members, "total")
            members["progress"] = done / total if total > 0 else 0.0
        members["progress"] = _read_progress(members)
        if kind == "download_progress" or "speed" in members:
            members["speed"] = _read_speed(members)
        return Event(_dump(members), key, "p")
    if isinstance(kind, str) and kind in _CHANGES:
        key = _normalise(members, kind)
        member = _REQUIRED_TEXT.get(kind)
        if member and not isinstance(members.get(member), str):
            raise InvalidEvent(f"{kind} needs the member {member} as text, not {quote(members.get(member))}")
        if "progress" in members:
            members["progress"] = _read_progress(members)
        if "speed" in members:
            members["speed"] = _read_speed(members)
        attempt, change = (_read_count(members, name) for name in ("attempt", "change"))
        label = f"{'e' if kind in _ENDS else 's'}:{kind}:{attempt}:{change}"
        return Event(_dump(members), key, label)
    payload = text.strip(" \t\r\n").encode() if text else _dump(members)
    if not key:
        if ends:
            raise InvalidEvent("ends: true ends a key: name it with key")
        return Event(payload, "", "-")
    return Event(payload, validate_key(key, "key"), END_OF_KEY if ends else "p")


def _normalise(members: dict[str, object], kind: str) -> str:
    member = "job_id" if kind.startswith("job_") else "download_id"
    key = members.get(member)
    if isinstance(key, int) and not isinstance(key, bool):
        key = str(key) if abs(key) < 2**63 else None
    if not isinstance(key, str):
        raise InvalidEvent(f"{kind} needs the member {member} as text, not {quote(key)}")
    members[member] = validate_key(key, member)
    return key


def validate_key(key: str, name: str) -> str:
    """Return the key. Raises InvalidEvent, which calls it `name`, for one that can't be part of an event."""
    if not isinstance(key, str):
        raise InvalidEvent(f"{name} is text, not {quote(key)}")
    if not 1 <= len(key) <= MAX_ID_CHARS or _FORBIDDEN.search(key):
        raise InvalidEvent(
            f"{name} has 1 to {MAX_ID_CHARS} characters, no control characters and no halves of surrogate pairs, "
            f"unlike {key[:80]!r}"
        )
    return key


def quote(value: object) -> str:
    """Return the start of a value's repr for an error; a value may be too deep or too large to have one."""
    try:
        text = repr(value)
    except (ValueError, RecursionError):
        return f"this {type(value).__name__}"
    return text if len(text) <= MAX_QUOTED_CHARS else f"{text[:MAX_QUOTED_CHARS]}…"


def _read_number(members: JsonObject, member: str) -> float | int:
    value = members.get(member, None)
    if value is None:
        return 0
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value:
        raise InvalidEvent(f"{member} is a number, not {quote(value)}")
    return value


def _read_progress(members: JsonObject) -> float:
    if "progress" not in members:
        raise InvalidEvent(f"{members['type']} needs the member progress, from 0.0 to 1.0")
    value = _read_number(members, "progress")
    if not -0.001 <= value <= 1.001:
        raise InvalidEvent(f"progress is a fraction from 0.0 to 1.0, not {quote(value)}: divide a percentage by 100")
    return plain_fraction(min(max(0.0, float(value)), 1.0))


def plain_fraction(value: float) -> float:
    """Round a value that Python would write with an exponent and without a decimal point."""
    return value if value >= 1e-4 else round(value, 4)


def _read_speed(members: JsonObject) -> int:
    value = _read_number(members, "speed")
    if not 0 <= value < 2**63:
        raise InvalidEvent(f"speed is bytes a second from 0 upwards, not {quote(value)}")
    return round(value)


def _read_count(members: JsonObject, member: str) -> str:
    value = members.get(member)
    if value is None:
        return ""
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**53:
        raise InvalidEvent(f"{member} is a whole number from 0 upwards, not {quote(value)}")
    return str(value)


def _dump(members: JsonObject) -> bytes:
    try:
        text = json.dumps(members, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidEvent(f"the event can't be written as JSON: {error}") from error
    try:
        payload = text.encode()
    except UnicodeEncodeError:  # a lone surrogate, which only an escape can carry
        payload = json.dumps(members, separators=(",", ":")).encode()
    _check_size(len(payload))
    return payload


def _check_size(size: int) -> None:
    if size > MAX_EVENT_BYTES:
        raise EventTooLarge(size, MAX_EVENT_BYTES)
