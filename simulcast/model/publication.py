"""A publication as it travels in Redis, and as clients get it.

Pub/Sub:  `<tag> <epoch>-<offset> <label> <key>\\n<json>`
kept:     `<epoch>-<offset> <label> <key>\\n<json>` (latest, ended) and, beside its stream id, `<label> <key>\\n<json>`
The label may have `#<once>` behind it: see `Publication`.

So a reader needs no JSON parser. The tag is secret to those who may only PUBLISH: they can't forge a position.
"""

import re
from dataclasses import dataclass

from simulcast.model.position import Position

_MESSAGE = re.compile(
    rb"([0-9a-f]{12}) ([0-9]{1,20})-([0-9]{1,20}) (-|[pse][^ #\n]*)(?:#([0-9a-f]{12}))? ([^\n]*)\n", re.ASCII
)


@dataclass(frozen=True, slots=True)
class Publication:
    """An event with its place. `label` and `key` as in `simulcast.model.events.Event`; `payload`: JSON object, UTF-8.

    `once`: where its label alone doesn't tell a repetition from another event, what a repetition has in common with the
    first; "" where repetitions are events of their own.
    """

    position: Position
    label: str
    key: str
    payload: bytes
    dedup_id: str = ""


def with_event_id(position: Position, payload: bytes) -> bytes:
    """The payload with `event_id` as its first member; `{}` and white space after the brace work.

    A space parts it from a publisher's own member `channel`: clients look for ours right behind it, without a parser.
    """
    rest = payload[1:].lstrip(b" \t\r\n")
    comma = b"" if rest.startswith(b"}") else b", " if rest.startswith(b'"channel"') else b","
    return b'{"event_id":"%d-%d"%b%b' % (position.epoch, position.offset, comma, rest)


def from_message(data: bytes) -> tuple[str, Publication] | None:
    """What came by Pub/Sub as (tag, publication), or None when it wasn't a broker that sent it."""
    match = _MESSAGE.match(data)
    if match is None:
        return None
    position = Position(int(match[2]), int(match[3]))
    try:
        label, dedup_id, key = match[4].decode(), (match[5] or b"").decode(), match[6].decode()
    except UnicodeDecodeError:
        return None
    return match[1].decode(), Publication(position, label, key, data[match.end() :], dedup_id)


def from_entry(entry: bytes) -> Publication:
    """What `latest` and `ended` keep. Raises ValueError for what no broker wrote."""
    place, _, body = entry.partition(b" ")
    return from_stream(place, body)


def from_stream(place: bytes, body: bytes) -> Publication:
    """A history entry: its stream id, its field. Raises ValueError for what no broker wrote."""
    head, separator, payload = body.partition(b"\n")
    marks, _, key = head.decode().partition(" ")
    label, _, dedup_id = marks.partition("#")
    if not separator or not label:
        raise ValueError(f"no publication: {body[:80]!r}")
    return Publication(Position.parse(place.decode()), label, key, payload, dedup_id)
