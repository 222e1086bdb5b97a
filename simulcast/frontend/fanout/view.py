"""Views of a channel: clients with the same view share the same bytes."""

import json
from dataclasses import dataclass
from functools import lru_cache

from simulcast.frontend.fanout.deflate import Deflate
from simulcast.frontend.fanout.entries import Entry
from simulcast.frontend.fanout.frames import join, payload_of, text_frame
from simulcast.model.position import Position
from simulcast.model.publication import with_channel

MAX_KEPT_FRAMES = 8192  # with their channel, since views of many intervals read the same events
MAX_KEPT_FRAME_BYTES = 1024  # larger ones are made again for each view


@dataclass(frozen=True, slots=True)
class View:
    """`with_channel`: each event carries `channel` (for clients of several). `download_id`: only events of that one.

    `interval_ms`: at most one batch in that time, without superseded events. `marks`: position marks are sent too.
    `joined`: the events of a batch are one message. `deflate`: the compression of its batches.
    """

    channel: str
    with_channel: bool = False
    download_id: str = ""
    interval_ms: int = 0
    marks: bool = False
    joined: bool = False
    deflate: Deflate | None = None

    def frame(self, entry: Entry) -> bytes | None:
        """Return the event's frame in this view; None if the view leaves it out."""
        if self.download_id and entry.key != self.download_id:
            return None
        return self.add_channel(entry.frame) if self.with_channel else entry.frame

    def position_mark(self, position: Position) -> bytes:
        """Return the frame of a position mark."""
        mark = {"type": "position", "position": str(position)}
        if self.with_channel:
            mark["channel"] = self.channel
        return text_frame(json.dumps(mark, separators=(",", ":")).encode())

    def encode(self, frames: bytes) -> bytes:
        """Return the frames of a batch as they are written."""
        frames = join(frames) if self.joined else frames
        return self.deflate.encode(frames) if self.deflate is not None else frames

    def add_channel(self, frame: bytes) -> bytes:
        """Return the event's frame with the member `channel`."""
        insert = _keep_channel if len(frame) <= MAX_KEPT_FRAME_BYTES else _insert_channel
        return insert(self.channel, frame)


def _insert_channel(channel: str, frame: bytes) -> bytes:
    payload = payload_of(frame)
    return text_frame(with_channel(channel, payload)) if payload.startswith(b"{") else frame


_keep_channel = lru_cache(MAX_KEPT_FRAMES)(_insert_channel)
