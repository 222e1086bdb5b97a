"""A publication in Redis, and as clients get it.

Pub/Sub:       `<tag> <epoch>-<offset> <label> <key>\\n<json>`
latest, ended: `<epoch>-<offset> <label> <key>\\n<json>`
history:       `<label> <key>\\n<json>`; the entry's id in the stream is `<epoch>-<offset>`
The label may have `~<ttl_s>` behind it, and then `#<dedup_id>`.

So a reader needs no JSON parser. A client that may only PUBLISH doesn't know the tag, and can't forge a position.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from simulcast.model.json_members import drop_member
from simulcast.model.position import Position, is_next_position

_MESSAGE = re.compile(
    rb"([0-9a-f]{12}) ([0-9]{1,20})-([0-9]{1,20}) (-|[pse][^ #\n]*)(?:#([0-9a-f]{12}))? ([^\n]*)\n", re.ASCII
)
_ID_START = b'{"event_id":"'
_TTL = re.compile("(.*)~([0-9]{1,9})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Publication:
    """An event and its position. `label`, `key` and `payload` are those of `simulcast.model.events.Event`.

    `dedup_id`: shared by all repetitions of an event whose label can't identify it; "" for other events. `ttl_s`: how
    long a snapshot keeps it without news of its key; 0 where the key has an owner.
    """

    position: Position
    label: str
    key: str
    payload: bytes
    dedup_id: str = ""
    ttl_s: int = 0


def with_event_id(position: Position, payload: bytes) -> bytes:
    """Return the payload with `event_id` as its first member; `{}` and white space after the brace work.

    A publisher's own member `channel` follows behind a space: clients without a parser expect ours directly behind it.
    """
    rest = payload[1:].lstrip(b" \t\r\n")
    comma = b"" if rest.startswith(b"}") else b", " if rest.startswith(b'"channel"') else b","
    return b'{"event_id":"%d-%d"%b%b' % (position.epoch, position.offset, comma, rest)


def with_channel(channel: str, payload: bytes) -> bytes:
    """Return an event, a JSON object, with the member `channel`, behind `event_id` if it has that."""
    if b'"channel"' in payload or b"\\u" in payload:  # else the publisher set none: parsers take the last
        payload = drop_member(payload, "channel")
    member = b'"channel":%b' % json.dumps(channel).encode()
    if payload.startswith(_ID_START):
        at = payload.index(b'"', len(_ID_START)) + 1
        return b"%b,%b%b" % (payload[:at], member, payload[at:])
    rest = payload[1:].lstrip(b" \t\r\n")
    return b"{%b%b%b" % (member, b"" if rest.startswith(b"}") else b",", rest)


def from_message(data: bytes) -> tuple[str, Publication] | None:
    """Read a Pub/Sub message as (tag, publication); None if no broker sent it."""
    match = _MESSAGE.match(data)
    if match is None:
        return None
    position = Position(int(match[2]), int(match[3]))
    try:
        full_label, dedup_id, key = match[4].decode(), (match[5] or b"").decode(), match[6].decode()
    except UnicodeDecodeError:
        return None
    label, ttl_s = _split_label(full_label)
    return match[1].decode(), Publication(position, label, key, data[match.end() :], dedup_id, ttl_s)


def from_entry(entry: bytes) -> Publication:
    """Read an entry of `latest` or `ended`. Raises ValueError if no broker wrote it."""
    position, _, body = entry.partition(b" ")
    return from_stream(position, body)


def from_stream(position: bytes, body: bytes) -> Publication:
    """Read an entry of the history. Raises ValueError if no broker wrote it."""
    head, separator, payload = body.partition(b"\n")
    full_label, _, key = head.decode().partition(" ")
    timed_label, _, dedup_id = full_label.partition("#")
    label, ttl_s = _split_label(timed_label)
    if not separator or not label:
        raise ValueError(f"no publication: {body[:80]!r}")
    return Publication(Position.parse(position.decode()), label, key, payload, dedup_id, ttl_s)


def known_entry(entry: bytes) -> Publication | None:
    """As `from_entry`; None if no broker wrote it."""
    try:
        return from_entry(entry)
    except ValueError:
        return None


def known_stream_entry(position: bytes, body: bytes) -> Publication | None:
    """As `from_stream`; None if no broker wrote it."""
    try:
        return from_stream(position, body)
    except ValueError:
        return None


def is_gapless(after: Position, publications: Sequence[Publication]) -> bool:
    """Return whether no publication lies between `after` and these, or between two of them."""
    positions = [after, *(publication.position for publication in publications)]
    return all(is_next_position(previous, position) for previous, position in pairwise(positions))


def _split_label(text: str) -> tuple[str, int]:
    match = _TTL.fullmatch(text) if "~" in text else None
    return (match[1], int(match[2])) if match else (text, 0)
