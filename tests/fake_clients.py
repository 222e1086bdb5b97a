"""Clients of a hub, whose sockets take as much as a test lets them."""

from collections.abc import Callable

from simulcast.frontend.fanout.backlog import Backlog, SliceCache
from simulcast.frontend.fanout.counters import Counters
from simulcast.frontend.fanout.entries import Entry
from simulcast.frontend.fanout.frames import payloads, text_frame
from simulcast.frontend.fanout.hub import FLUSH_BACKOFF_FACTOR, Client, Hub
from simulcast.frontend.fanout.log import Log
from simulcast.frontend.fanout.snapshot import ChannelSnapshot
from simulcast.frontend.fanout.view import View
from tests.clocks import Clock


class Socket:
    """A client's socket that takes `room` bytes, then is full until `drain`. A write after `abort` fails the test."""

    def __init__(self, hub: Hub, room: int = 10**9) -> None:
        self.hub = hub
        self.client = Client(self)
        self.room = room
        self.capacity = room
        self.got: list[bytes] = []
        self.open = True
        self.writes = 0
        self.on_write: Callable[[], None] = lambda: None

    @property
    def texts(self) -> list[str]:
        return [payload.decode() for payload in self.got]

    def write(self, frames: bytes) -> None:
        assert self.open, "written to after it was closed"
        self.writes += 1
        self.got.extend(payloads(frames))
        self.room -= len(frames)
        if self.room < 0 and not self.client.paused:
            self.hub.pause(self.client)
        self.on_write()

    def abort(self) -> None:
        self.open = False
        self.hub.leave(self.client)

    def drain(self) -> None:
        self.room = self.capacity
        self.hub.resume(self.client)
        while self.hub.serve(self.client):
            pass


def entry(text: str, label: str = "-", key: str = "", offset: int = 0) -> Entry:
    return Entry(offset, label, key, text_frame(text.encode()))


def make_hub(
    clock: Clock, log: Log | None = None, interval_ms: int = 0, backoff_factor: float = FLUSH_BACKOFF_FACTOR
) -> Hub:
    backlog = Backlog(log or Log(), ChannelSnapshot(clock), SliceCache(), clock)
    view = View("downloads", interval_ms=interval_ms)
    return Hub(backlog, clock, clock.call_at, Counters(clock), view, backoff_factor)


def publish_entry(hub: Hub, new: Entry) -> None:
    hub.log.append(new)
    hub.add(new.frame, None)
    hub.flush_if_large()


def log_frames(log: Log, after: int, max_bytes: int = 10**9) -> tuple[list[bytes], int] | None:
    """Return the frames after that cursor of the log, and the cursor behind them."""
    return log.read(after, log.head, max_bytes, lambda entry: entry.frame)


def entries_after(log: Log, offset: int) -> list[Entry] | None:
    """Return the entries that a client gets which has that offset; None if the log lacks some."""
    cursor = log.cursor_after(offset)
    entries: list[Entry] = []

    def keep(entry: Entry) -> bytes:
        if entry.offset:
            entries.append(entry)
        return entry.frame

    if cursor is None or log.read(cursor, log.head, 10**9, keep) is None:
        return None
    return entries


def texts(frames: bytes | None) -> list[str]:
    """Return the text of each frame."""
    assert frames is not None
    return [payload.decode() for payload in payloads(frames)]
