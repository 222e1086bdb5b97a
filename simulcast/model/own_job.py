"""A job of any kind, run by other people's programs: its members on the wire, and its public record."""

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal
from numbers import Integral, Real
from typing import Final, Literal, get_args

from pydantic import BaseModel

from simulcast.errors import BrokerUnavailable, InvalidEvent
from simulcast.model.download_url import validate_callback
from simulcast.model.events import plain_fraction, quote, validate_key
from simulcast.model.job_page import Cursor, Selection
from simulcast.model.revocation import MAX_NAME_CHARS as MAX_OWNER_CHARS

JobState = Literal["queued", "running", "complete", "error", "cancelled"]
JOB_STATES: tuple[JobState, ...] = get_args(JobState)
JobEnd = Literal["complete", "error", "cancelled", "queued"]
MAX_KIND_CHARS: Final = 100
MAX_NAME_CHARS: Final = 200
MAX_UNIT_CHARS: Final = 20
MAX_MESSAGE_CHARS: Final = 500
MAX_RESULT_BYTES: Final = 16 * 1024
Number = int | float


def about(job_id: str, kind: str, name: str, owner: str = "", callback_url: str = "") -> str:
    """Encode the members that every event of a job carries: JSON without braces. Raises InvalidEvent.

    `owner`: the user whose job it is, "" to leave that as it was. It is the last one: lua/own_jobs.lua looks for it.
    `callback_url`: of an address that is told of the job's end, likewise; behind a line break, since no event shows it.
    """
    members = {
        "job_id": validate_key(job_id, "job_id"),
        "kind": _text(kind, "kind", MAX_KIND_CHARS),
        "name": _text(name, "name", MAX_NAME_CHARS) or job_id,
    }
    if owner:
        members["owner"] = validate_owner(owner)
    return _encode(members) + (f"\n{_callback(callback_url)}" if callback_url else "")


def _callback(url: str) -> str:
    try:
        return validate_callback(url)
    except ValueError as error:
        raise InvalidEvent(f"callback_url {error}") from error


def measures(
    progress: Number | None = None,
    done: Number | None = None,
    total: Number | None = None,
    unit: str = "",
    message: str = "",
) -> str:
    """Encode how far a job is: JSON without braces, with a leading comma. Raises InvalidEvent.

    `progress`: 0.0 to 1.0; else `done` of `total`, and 0.0 while the total is unknown.
    """
    counts = {"done": _count(done, "done"), "total": _count(total, "total")}
    fraction = 0.0
    if progress is not None:
        fraction = _number(progress, "progress")
        if not -0.001 <= fraction <= 1.001:
            raise InvalidEvent(f"progress is a fraction from 0.0 to 1.0, not {progress!r}: divide a percentage by 100")
    elif counts["done"] is not None and counts["total"]:
        fraction = counts["done"] / counts["total"]
    texts = {"unit": _text(unit, "unit", MAX_UNIT_CHARS), "message": _text(message, "message", MAX_MESSAGE_CHARS)}
    members: dict[str, object] = {"progress": plain_fraction(min(max(0.0, float(fraction)), 1.0))}
    members |= {name: value for name, value in counts.items() if value is not None}
    members |= {name: text for name, text in texts.items() if text}
    return "," + _encode(members)


def result_members(result: object) -> str:
    """Encode a job's result as a member, with a leading comma; "" for None. Raises InvalidEvent."""
    if result is None:
        return ""
    try:
        text = json.dumps(result, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidEvent(f"the result of a job can't be written as JSON: {error}") from error
    text = text.encode(errors="replace").decode()
    if len(text.encode()) > MAX_RESULT_BYTES:
        raise InvalidEvent(
            f"the result of a job has at most {MAX_RESULT_BYTES:,} bytes of JSON: give a reference to it"
        )
    return f',"result":{text}'


def copy_result(result: object) -> object:
    """Return a result as it is read back, which no later change of the original reaches. Raises InvalidEvent."""
    text = result_members(result)
    return json.loads(text.partition(":")[2]) if text else None


def error_members(message: str) -> tuple[str, str]:
    """Encode the error of a job as a member, with a leading comma. Return it, and the text that it holds."""
    text = _text(message, "error_message", MAX_MESSAGE_CHARS)
    return "," + _encode({"error_message": text}), text


def validate_owner(owner: object) -> str:
    """Return the name of a user. Raises InvalidEvent."""
    if not isinstance(owner, str) or len(owner) > MAX_OWNER_CHARS or owner.encode(errors="replace").decode() != owner:
        raise InvalidEvent(f"owner is text of at most {MAX_OWNER_CHARS} characters, not {quote(owner)}")
    return owner


def _encode(members: Mapping[str, object]) -> str:
    return json.dumps(members, ensure_ascii=False, separators=(",", ":"))[1:-1]


def _text(value: object, name: str, max_chars: int) -> str:
    """Return text that can be shown: cut, and without halves of surrogate pairs."""
    if not isinstance(value, str):
        raise InvalidEvent(f"{name} is text, not {quote(value)}")
    value = value if len(value) <= max_chars else f"{value[: max_chars - 1]}…"
    return value.encode(errors="replace").decode()


def _number(value: object, name: str) -> Number:
    """Return it as a number of Python's own: it may be one of NumPy or of `fractions`."""
    number: Number = float("nan")
    with suppress(ValueError, OverflowError):
        if isinstance(value, Integral) and not isinstance(value, bool):
            number = int(value)
        elif isinstance(value, Real | Decimal) and not isinstance(value, bool):
            number = float(value)
    if number != number or abs(number) >= 2**63:
        raise InvalidEvent(f"{name} is a number, not {quote(value)}")
    return number


def _count(value: object, name: str) -> Number | None:
    number = None if value is None else _number(value, name)
    if number is not None and number < 0:
        raise InvalidEvent(f"{name} is a number from 0 upwards, not {value!r}")
    return number


class OwnJobRecord(BaseModel):
    """The present state of one job. Times are seconds since 1970.

    `worker`: the process that runs it. `owner`: the user whose job it is, None for nobody in particular.
    `cancel_requested`: a client has asked for its end.
    """

    job_id: str
    kind: str
    name: str
    state: JobState
    attempt: int
    progress: float
    done: float | None = None
    total: float | None = None
    unit: str | None = None
    message: str | None = None
    result: object = None
    error_message: str | None
    cancel_requested: bool
    worker: str | None
    owner: str | None = None
    created_at: float
    updated_at: float


@dataclass(frozen=True, slots=True)
class JobQuery:
    """A page of records, the newest first: of one state, one kind and one owner, or of all.

    `cursor`: where the page begins, in place of `offset`.
    """

    state: JobState | None = None
    kind: str | None = None
    offset: int = 0
    limit: int = 100
    owner: str = ""
    cursor: Cursor | None = None

    def select(self) -> Selection:
        """Return the jobs that the page is of."""
        # In the text that their events have in common, it stands between other members.
        needles = () if self.kind is None else (f",{_encode({'kind': self.kind})},".encode(errors="replace"),)
        states = () if self.state is None else (self.state,)
        return Selection(
            states=states, owner=self.owner, needles=needles, offset=self.offset, cursor=self.cursor, limit=self.limit
        )


RECORD_FIELDS = (
    *("about", "measures", "state", "attempt", "result", "error", "desired", "worker", "created_at", "updated_at"),
)
"""The fields of a job's hash that `parse_record` reads."""


def parse_record(fields: Mapping[str, str]) -> OwnJobRecord:
    """Parse a job's hash. Raises BrokerUnavailable for one that is not readable."""
    try:
        return OwnJobRecord.model_validate(
            {
                **json.loads(f"{{{fields['about']}{fields['measures']}}}"),
                "state": fields["state"],
                "attempt": fields["attempt"],
                "result": json.loads(fields.get("result") or "null"),
                "error_message": fields.get("error"),
                "cancel_requested": fields["state"] == "running" and fields.get("desired") == "cancelled",
                "worker": fields.get("worker") or None,
                "created_at": int(fields["created_at"]) / 1000,
                "updated_at": int(fields["updated_at"]) / 1000,
            }
        )
    except (KeyError, ValueError, OverflowError) as error:
        raise BrokerUnavailable(f"the record of a job is not readable: {error}") from error
