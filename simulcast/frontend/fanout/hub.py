"""The connected clients of one view of a channel, and how far each of them is.

Each event is framed once; events that arrive together are joined once, and the same bytes are written to every client
that is current. A client whose socket is full owns no queue: it is a place in the log or the snapshot, and gets what it
is owed in slices, each after the last one drained. After a flush that took d, the next starts no sooner than a multiple
of d later: idle, an event leaves immediately; loaded, part of the loop stays free, and the events of the meantime share
one send a client.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from simulcast.frontend.fanout.backlog import SLICE_BYTES, Backlog, BacklogPosition, Part
from simulcast.frontend.fanout.counters import Counters
from simulcast.frontend.fanout.view import View
from simulcast.model.position import Position

MAX_PENDING_SLICES = 16  # more are flushed immediately
FLUSH_BACKOFF_FACTOR = 1.75  # so flushes take at most 36 % of a processor
LATENCY_FIRST_FACTOR = 0.25  # 80 %
MAX_FLUSH_DELAY_S = 0.025  # so that latency stays low with very many clients

_log = logging.getLogger("simulcast.hub")


class Writer(Protocol):
    """Takes the bytes of one client's connection."""

    def write(self, frames: bytes) -> None:
        """Write; never raises, whatever the state of the connection. May call `Hub.pause` before it returns."""

    def abort(self) -> None:
        """Cut the connection immediately: a close frame can't reach a full socket."""


class ConnectionObserver(Protocol):
    """Learns of its connection's state, synchronously."""

    def on_pause(self) -> None:
        """The socket is full."""

    def on_resume(self) -> None:
        """The socket has drained."""

    def on_disconnect(self) -> None:
        """The connection is lost: nothing more may be written to it."""


_NOWHERE = BacklogPosition(Part.LIVE, 0, 0, 0)  # of clients that have not joined


class Client:
    """One connected client. `greeting`: written before anything else. `place`: of a client that isn't current."""

    __slots__ = ("greeting", "paused", "place", "writer")

    def __init__(self, writer: Writer, paused: bool = False) -> None:
        self.writer = writer
        self.paused = paused
        self.greeting = b""
        self.place = _NOWHERE


@dataclass(eq=False)
class Hub:
    """Clients of one view of a channel. Every method is synchronous, and none raises because of a client.

    A client is *current* exactly while it has joined, is open, is not paused and has every flushed event; else it is
    *behind*: waiting for the next flush, or for its socket to drain.

    `clock`: seconds, monotonic. `backoff_factor`: of the rest after a flush, to its duration. With the view's interval
    there is at most one flush in that time.
    """

    backlog: Backlog
    clock: Callable[[], float]
    call_at: Callable[[float, Callable[[], None]], object]
    counters: Counters
    view: View
    backoff_factor: float = FLUSH_BACKOFF_FACTOR

    def __post_init__(self) -> None:
        self.log = self.backlog.log
        self.on_flush: Callable[[], None] = lambda: None
        self._interval_s = self.view.interval_ms / 1000
        self._current: dict[Client, None] = {}  # in the order in which they became so
        self._unwritten: set[Client] = set()  # those of them that are not yet written to in the flush that is running
        self._waiting: set[Client] = set()  # behind, with room in the socket
        self._full: set[Client] = set()  # behind, with a full socket
        self._is_pending = False  # since the last flush, an event of the view was published
        self._slices: list[tuple[list[bytes], int]] = []  # pending frames, and the cursor behind them
        self._slice: list[bytes] = []  # the last one of these
        self._slice_bytes = 0
        self._flush_cursor = 0  # of the log; while nothing is pending, current clients have all of it
        self._previous_flush_cursor = 0
        self._flushed_position: Position | None = None  # likewise, in the history
        self._earliest_flush_at = 0.0

    @property
    def clients(self) -> int:
        """The number of connected clients."""
        return len(self._current) + self.lagging

    @property
    def lagging(self) -> int:
        """The number of clients that are not current."""
        return len(self._waiting) + len(self._full)

    def add(self, frame: bytes, before: Position | None) -> None:
        """Send the log's newest event to every client, at the next flush. `before`: the position before it.

        With an interval the log is read at the flush, and `frame` is not used.
        """
        head = self.log.head
        if not self._is_pending:
            self._is_pending = True
            self._flush_cursor, self._flushed_position = head - 1, before
            self.call_at(max(self._earliest_flush_at, self.clock()), self._flush_when_due)
        if self._interval_s:
            return
        if self._slice_bytes + len(frame) > SLICE_BYTES and self._slice:
            self._slices.append((self._slice, head - 1))
            self._slice, self._slice_bytes = [], 0
        self._slice.append(frame)
        self._slice_bytes += len(frame)

    def flush_if_large(self) -> None:
        """Flush where more is pending than may be. Call it after `add`, when every hub of the channel has the event:
        a write may fill a socket, which pauses the client in all of them.
        """
        if len(self._slices) > MAX_PENDING_SLICES or (
            self._interval_s and self._is_pending and self.log.is_about_to_trim(self._flush_cursor)
        ):
            self.flush()

    def join(self, client: Client, greeting: bytes = b"", place: BacklogPosition | None = None) -> None:
        """Add a client. It gets `greeting`, what it is owed from `place` on, and later events; None: only these."""
        client.greeting += greeting
        client.place = place or self.backlog.at_cursor(self.log.head)
        (self._full if client.paused else self._waiting).add(client)
        self._serve(client)

    def leave(self, client: Client) -> BacklogPosition:
        """Remove a client, and return its place. Harmless for one that isn't here."""
        if client in self._unwritten:
            client.place = self.backlog.at_cursor(self._previous_flush_cursor)
        elif client in self._current:
            client.place = self.backlog.at_cursor(self._current_cursor)
        self._current.pop(client, None)
        for group in (self._unwritten, self._waiting, self._full):
            group.discard(client)
        return client.place

    def pause(self, client: Client) -> None:
        """Stop writing: the client's socket is full."""
        client.paused = True
        if client in self._current or client in self._waiting:
            self.leave(client)
            self._full.add(client)

    def resume(self, client: Client) -> None:
        """Let `serve` write again: the client's socket has drained."""
        client.paused = False
        if client in self._full:
            self._full.remove(client)
            self._waiting.add(client)

    def serve(self, client: Client) -> bool:
        """Write a waiting client's next slice. Return False when there is none now."""
        if client not in self._waiting:
            return False
        if client.greeting:
            greeting, client.greeting = client.greeting, b""
            self._write([client], self.view.encode(greeting), 1)
            return True
        place = client.place
        if place.part is Part.LIVE and place.cursor == self.log.head:
            if not self._is_pending:  # else its last events are pending for the others: a flush makes it current
                self._waiting.remove(client)
                self._current[client] = None
            return False
        piece = self.backlog.read(self.view, place)
        if piece is None:
            self._disconnect(client)
            return False
        place.cursor = piece.cursor
        if piece.batch:
            self._write([client], piece.batch, piece.events)
        elif place.part is not Part.LIVE:
            place.finish_part()
        return True

    def flush(self) -> None:
        """Write the pending events. An unexpected error costs the clients of this hub alone their connections."""
        try:
            self._flush()
        except Exception:
            _log.exception("cutting %d clients of a view after an unexpected error", self.clients)
            self._is_pending = False
            self._slices, self._slice, self._slice_bytes = [], [], 0
            self.disconnect_all()

    def _flush(self) -> None:
        if not self._is_pending:
            return
        began = self.counters.clock()
        if self._interval_s:
            self._flush_log()
        else:
            pending = [*self._slices, (self._slice, self.log.head)]
            self._slices, self._slice, self._slice_bytes = [], [], 0
            for frames, cursor in pending:
                self._write_to_current(self.view.encode(b"".join(frames)), len(frames), cursor)
        self._is_pending = False
        self.counters.flushes.observe(self.counters.clock() - began)
        self.on_flush()
        for client in tuple(self._waiting):
            self._serve(client)

    def write_position_mark(self, position: Position) -> None:
        """Write the channel's position to each client that has all events up to it.

        Current clients of a view whose interval has not passed have those of the last flush.
        """
        if not self._interval_s:
            self.flush()
        current, waiting = tuple(self._current), tuple(self._waiting)
        flushed = self._flushed_position if self._is_pending else position
        if flushed is not None:
            self._mark(current, flushed)
        for client in waiting:
            self._serve(client)
        self._mark(waiting, position)

    def disconnect_all(self) -> None:
        """Cut every client."""
        for client in [*self._current, *self._waiting, *self._full]:
            self._disconnect(client)

    def disconnect_joining(self) -> None:
        """Cut clients that have not received all of the snapshot, since it changes in a way that no event shows."""
        for client in [client for client in (*self._waiting, *self._full) if client.place.in_snapshot]:
            self._disconnect(client)

    @property
    def _current_cursor(self) -> int:
        return self._flush_cursor if self._is_pending else self.log.head

    def _flush_when_due(self) -> None:
        started = self.clock()
        self.flush()
        ended = self.clock()
        self._earliest_flush_at = ended + max(
            min((ended - started) * self.backoff_factor, MAX_FLUSH_DELAY_S), self._interval_s
        )

    def _flush_log(self) -> None:
        """Write the log after the last flush, without superseded events."""
        place = self.backlog.at_cursor(self._flush_cursor)
        while (piece := self.backlog.read(self.view, place)) is not None and piece.batch:
            self._write_to_current(piece.batch, piece.events, piece.cursor)
            place.cursor = piece.cursor
        if piece is None:
            for client in tuple(self._current):
                self._disconnect(client)

    def _write_to_current(self, batch: bytes, events: int, cursor: int) -> None:
        self.counters.count_sent(events, len(self._current), len(batch))
        self._previous_flush_cursor, self._flush_cursor = self._flush_cursor, cursor
        self._unwritten.update(self._current)
        # Clients that stay come before a crowd that joined a moment ago.
        for client in tuple(self._current):
            if client in self._unwritten:  # has not left meanwhile
                self._unwritten.remove(client)
                client.writer.write(batch)

    def _mark(self, clients: tuple[Client, ...], position: Position) -> None:
        mark = self.view.encode(self.view.position_mark(position))
        self._write([client for client in clients if client in self._current or client in self._waiting], mark, 1)

    def _write(self, clients: list[Client], batch: bytes, events: int) -> None:
        self.counters.count_sent(events, len(clients), len(batch))
        for client in clients:
            if not client.paused:
                client.writer.write(batch)

    def _serve(self, client: Client) -> None:
        """Write what a waiting client is owed, until it is current, its socket is full, or it has left."""
        while self.serve(client):
            pass

    def _disconnect(self, client: Client) -> None:
        self.counters.disconnects += 1
        self.leave(client)
        client.writer.abort()
