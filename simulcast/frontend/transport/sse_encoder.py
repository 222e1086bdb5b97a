"""Frames as server-sent events: `id:` holds the client's positions, `data:` the message (HTML standard, §9.2)."""

import random
import re
from collections.abc import Iterator, Mapping
from functools import lru_cache

from simulcast.frontend.fanout.backlog import SLICE_BYTES
from simulcast.frontend.fanout.frames import payloads, payloads_after
from simulcast.model.position import Position

RETRY_S = 5.0
_JITTER = 0.2  # up to a fifth earlier or later, so that a crowd that was cut doesn't reconnect simultaneously
_EVENT_ID = re.compile(rb'\{"event_id":"([0-9]+-[0-9]+)"(?:,"channel":"([^"]+)")?')
_LINE_END = re.compile(rb"\r\n|\r|\n")
_HELLO = b'{"type":"hello","channel":'
_MARK = re.compile(rb'\{"type":"position","position":"([0-9]+-[0-9]+)"(?:,"channel":"([^"]+)")?\}')
Positions = tuple[tuple[bytes, bytes], ...]  # each channel with a position in it, sorted by channel


def preamble(retry_s: float = RETRY_S) -> bytes:
    """Return the delay after which a browser reconnects."""
    return b"retry: %d\n\n" % (retry_s * 1000 * random.uniform(1 - _JITTER, 1 + _JITTER))  # noqa: S311


class SSEEncoder:
    """The encoder of one client. With several channels each id holds all positions, so it depends on earlier events."""

    def __init__(self, with_channel: bool, since: Mapping[str, Position]) -> None:
        """`with_channel`: events carry their channel. `since`: the client's position in each channel."""
        self._with_channel = with_channel
        positions = {channel.encode(): str(position).encode() for channel, position in since.items()}
        self._positions: Positions = tuple(sorted(positions.items()))

    def encode(self, frames: bytes) -> Iterator[bytes]:
        """Encode joined frames, one event each, in pieces. A text with line breaks has several `data:` lines.

        The id of an event in one of 50 channels may be much longer than the event.
        """
        return self._encode_named(frames) if self._with_channel else iter([_encode(frames)])

    def _encode_named(self, frames: bytes) -> Iterator[bytes]:
        start = 0
        while start < len(frames):
            piece, start, self._positions = _encode_piece(frames, start, self._positions)
            yield piece


@lru_cache(maxsize=4)  # clients of the same channels that are equally far get the same bytes, one after the other
def _encode_piece(frames: bytes, start: int, positions: Positions) -> tuple[bytes, int, Positions]:
    """Return the first events from that byte on, encoded, the byte behind them, and the client's positions then."""
    places, events, size, end = dict(positions), list[bytes](), 0, start
    for payload, behind in payloads_after(frames, start):
        match = _MARK.fullmatch(payload) or _EVENT_ID.match(payload)
        event_id = b""
        if match is not None and match[2] is not None:
            is_new = match[2] not in places
            places[match[2]] = match[1]
            if is_new:
                places = dict(sorted(places.items()))
            event_id = b",".join(b"%b:%b" % item for item in places.items())
        events.append(_event(payload, event_id))
        size, end = size + len(events[-1]), behind
        if size > SLICE_BYTES:
            break
    return b"".join(events), end, tuple(places.items())


@lru_cache(maxsize=2)  # clients with the same view get the same bytes, one after the other
def _encode(frames: bytes) -> bytes:
    events = []
    for payload in payloads(frames):
        match = _MARK.fullmatch(payload) or _EVENT_ID.match(payload)
        events.append(_event(payload, b"" if match is None else match[1]))
    return b"".join(events)


def _event(payload: bytes, event_id: bytes = b"") -> bytes:
    id_line = b"id: %b\n" % event_id if event_id else b""
    data = b"\ndata: ".join(_LINE_END.split(payload))
    return b"%b%bdata: %b\n\n" % (_kind(payload), id_line, data)


def _kind(payload: bytes) -> bytes:
    """Return the type of a message that only simulcast.v1 has, so that a browser's `onmessage` gets events alone."""
    if payload.startswith(_HELLO):
        return b"event: hello\n"
    if _MARK.fullmatch(payload):
        return b": ping\nevent: position\n"
    return b""
