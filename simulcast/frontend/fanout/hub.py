"""The connected clients of one channel, and how far each of them is.

Each event is framed once; events that arrive together are joined once, and the same bytes are written to every client
that is current. A client whose socket is full owns no queue: it is a cursor into the log, and gets its backlog when the
socket drains. After a flush that took d, the next starts no sooner than FLUSH_BACKOFF_FACTOR times d later: idle, an
event leaves immediately; loaded, part of the loop stays free, and the events of the meantime share one send a client.
"""

import logging
from collections.abc import Callable
from typing import Protocol

from simulcast.frontend.fanout.counters import Counters
from simulcast.frontend.fanout.log import MAX_BYTES, Entry, Log

MAX_PENDING_BYTES = 1024 * 1024  # more than that is flushed immediately (with an interval: more than half the log)
SLICE_BYTES = 256 * 1024  # written to a client that is behind before its socket must drain again
FLUSH_BACKOFF_FACTOR = 1.75
MAX_FLUSH_DELAY_S = 0.025  # so that latency stays low with very many clients
SLOW_CLIENT_TIMEOUT_S = 60.0  # how long a socket may stay full

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


class Client:
    """One connected client. `cursor`: of the last event written to it, while it isn't current."""

    __slots__ = ("cursor", "paused", "paused_at", "writer")

    def __init__(self, writer: Writer) -> None:
        self.writer = writer
        self.cursor = 0
        self.paused = False
        self.paused_at = 0.0


class Hub:
    """Clients of one view of a channel. Every method is synchronous, and none raises because of a client.

    A client is *current* exactly while it has joined, is open, is not paused and has every flushed event; else it is
    *behind*: waiting for the next flush, or for its socket to drain.
    """

    def __init__(
        self,
        log: Log,
        clock: Callable[[], float],
        call_at: Callable[[float, Callable[[], None]], object],
        counters: Counters,
        interval_s: float = 0.0,
        encode: Callable[[bytes], bytes] | None = None,
    ) -> None:
        """`clock`: seconds, monotonic. `interval_s`: at most one flush in that time, without superseded events.

        `encode`: applied to joined frames before they are written.
        """
        self._encode = encode
        self.log = log
        self.counters = counters
        self.on_flush: Callable[[], None] = lambda: None
        self._interval_s = interval_s
        self._max_pending_bytes = MAX_BYTES // 2 if interval_s else MAX_PENDING_BYTES
        self._clock = clock
        self._call_at = call_at
        self._current: set[Client] = set()
        self._unwritten: set[Client] = set()  # current, and not yet written to in the flush that is running
        self._waiting: set[Client] = set()  # behind, with room in the socket
        self._full: set[Client] = set()  # behind, with a full socket
        self._pending: list[bytes] = []
        self._pending_bytes = 0
        self._flush_cursor = 0
        self._previous_flush_cursor = 0
        self._earliest_flush_at = 0.0

    @property
    def clients(self) -> int:
        """The number of connected clients."""
        return len(self._current) + len(self._unwritten) + self.lagging

    @property
    def lagging(self) -> int:
        """The number of clients that are not current."""
        return len(self._waiting) + len(self._full)

    def publish(self, entry: Entry) -> None:
        """Send the event to every client, at the next flush."""
        self.log.append(entry)
        if not self._pending:
            self._call_at(max(self._earliest_flush_at, self._clock()), self._flush_when_due)
        self._pending.append(entry.frame)
        self._pending_bytes += len(entry.frame)
        if self._pending_bytes > self._max_pending_bytes:
            self.flush()

    def join(self, client: Client, backlog: bytes, cursor: int | None = None) -> None:
        """Add a client. It gets `backlog` (snapshot or missed events), then events after `cursor` (None: the head)."""
        client.cursor = self.log.head if cursor is None else cursor
        (self._full if client.paused else self._waiting).add(client)
        if backlog:
            client.writer.write(self._encode_batch([backlog], 1))
        if client in self._waiting:
            self._serve(client)

    def leave(self, client: Client) -> None:
        """Remove a client. Harmless for one that isn't here."""
        for group in (self._current, self._unwritten, self._waiting, self._full):
            group.discard(client)

    def take_backlog(self, client: Client) -> list[Entry] | None:
        """Remove a client, and return its unwritten events; None if some were trimmed."""
        cursor = self._flush_cursor if client in self._current else client.cursor
        self.leave(client)
        entries = self.log.entries_since(cursor)
        return None if entries is None else [entry for _, entry in entries]

    def pause(self, client: Client) -> None:
        """Stop writing: the client's socket is full."""
        client.paused = True
        client.paused_at = self._clock()
        if client in self._current:
            self._current.remove(client)
            client.cursor = self._flush_cursor
        elif client in self._unwritten:
            self._unwritten.remove(client)
            client.cursor = self._previous_flush_cursor
        elif client in self._waiting:
            self._waiting.remove(client)
        else:
            return  # has not joined
        self._full.add(client)

    def resume(self, client: Client) -> None:
        """Write again: the client's socket has drained."""
        client.paused = False
        if client in self._full:
            self._full.remove(client)
            self._waiting.add(client)
            self._serve(client)

    def flush(self) -> None:
        """Write the pending events. An unexpected error costs the clients of this hub alone their connections."""
        try:
            self._flush()
        except Exception:
            _log.exception("cutting %d clients of a view after an unexpected error", self.clients)
            self._pending, self._pending_bytes = [], 0
            self.disconnect_all()

    def _flush(self) -> None:
        if not self._pending:
            return
        began = self.counters.clock()
        batch = self._encode_batch(self._conflate_pending() if self._interval_s else self._pending, len(self._current))
        self._pending.clear()
        self._pending_bytes = 0
        self._previous_flush_cursor, self._flush_cursor = self._flush_cursor, self.log.head
        self._unwritten, self._current = self._current, self._unwritten
        while self._unwritten:
            client = self._unwritten.pop()
            self._current.add(client)
            client.writer.write(batch)
        self.counters.flushes.observe(self.counters.clock() - began)
        self.on_flush()
        for client in tuple(self._waiting):
            if client in self._waiting:
                self._serve(client)

    def skip_to_head(self) -> None:
        """Drop the backlog: no client has joined yet."""
        self._flush_cursor = self._previous_flush_cursor = self.log.head

    def disconnect_all(self) -> None:
        """Cut every client."""
        for client in [*self._current, *self._unwritten, *self._waiting, *self._full]:
            self._disconnect(client)

    def disconnect_slow_clients(self) -> None:
        """Cut clients whose socket has been full for longer than SLOW_CLIENT_TIMEOUT_S."""
        latest = self._clock() - SLOW_CLIENT_TIMEOUT_S
        for client in [client for client in self._full if client.paused_at < latest]:
            self._disconnect(client)

    def _flush_when_due(self) -> None:
        started = self._clock()
        self.flush()
        ended = self._clock()
        self._earliest_flush_at = ended + max(
            min((ended - started) * FLUSH_BACKOFF_FACTOR, MAX_FLUSH_DELAY_S), self._interval_s
        )

    def _encode_batch(self, frames: list[bytes], clients: int) -> bytes:
        joined = b"".join(frames)
        batch = joined if self._encode is None else self._encode(joined)
        self.counters.count_sent(len(frames), clients, len(batch))
        return batch

    def _conflate_pending(self) -> list[bytes]:
        frames_and_cursor = self.log.frames_since(self._flush_cursor, MAX_BYTES)
        return self._pending if frames_and_cursor is None else frames_and_cursor[0]

    def _serve(self, client: Client) -> None:
        """Write a waiting client's backlog, until it is current, its socket is full, or it has left."""
        while client in self._waiting:
            backlog = self.log.frames_since(client.cursor, SLICE_BYTES)
            if backlog is None:
                self._disconnect(client)
                return
            frames, client.cursor = backlog
            if frames:
                client.writer.write(self._encode_batch(frames, 1))
            elif client.cursor == self._flush_cursor:
                self._waiting.remove(client)
                self._current.add(client)
            else:
                return  # its last events are still pending for the others: the next flush makes it current

    def _disconnect(self, client: Client) -> None:
        self.counters.disconnects += 1
        self.leave(client)
        client.writer.abort()
