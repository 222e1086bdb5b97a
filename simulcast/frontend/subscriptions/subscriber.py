"""One client in its channels: it joins each at its position, follows more or fewer, and leaves them together."""

import asyncio
from collections import deque
from collections.abc import Collection
from dataclasses import dataclass, field

from simulcast.broker import Broker
from simulcast.containment import contain_errors
from simulcast.errors import PositionLost
from simulcast.frontend.audit import log_connection
from simulcast.frontend.fanout.backlog import SLICE_BYTES, Slice
from simulcast.frontend.fanout.counters import Source
from simulcast.frontend.fanout.feed import Feed
from simulcast.frontend.fanout.frames import text_frame
from simulcast.frontend.fanout.hub import Client, Hub
from simulcast.frontend.fanout.recovery import (
    CatchUp,
    ReadHistory,
    Replay,
    conflate,
    plan_recovery,
    replay_snapshot,
)
from simulcast.frontend.fanout.view import View
from simulcast.frontend.grant import FULL_ACCESS, Grant
from simulcast.frontend.ingest.listener_pool import ListenerPool
from simulcast.frontend.subscriptions.channels import Channels
from simulcast.frontend.subscriptions.connection_writer import ConnectionWriter
from simulcast.frontend.subscriptions.hello import hello
from simulcast.frontend.subscriptions.options import MAX_CHANNELS_PER_CONNECTION, SubscribeOptions
from simulcast.model.position import Position

RECOVERY_TIMEOUT_S = 30.0  # of each read from Redis
SLOW_CLIENT_TIMEOUT_S = 60.0  # how long a socket may stay full while the client takes no byte
_PAGE_SIZE = 200  # publications of the history, at most; fewer where they are large
_FIRST_PAGE_SIZE = 20  # before it is known how large they are


class _Disconnected(Exception):
    """The client left while it joined."""


@dataclass(eq=False, slots=True, weakref_slot=True)
class Subscriber:
    """One client in the hub of each channel it follows. All channels share its socket.

    `connected`: holds it from here until it disconnects. `address`: its `address_key`. `is_revoked`: its messages that
    wait are dropped.
    """

    options: SubscribeOptions
    writer: ConnectionWriter
    channels: Channels
    listeners: ListenerPool
    broker: Broker
    connected: set["Subscriber"]
    grant: Grant = FULL_ACCESS
    address: str = ""
    is_revoked: bool = field(init=False, default=False)
    _with_channel: bool = field(init=False)
    _joined_at: float = field(init=False)
    _clients: dict[str, tuple[Hub, Client]] = field(init=False, default_factory=dict)
    _disconnected: bool = field(init=False, default=False)
    _answer: bytes | None = field(init=False, default=None)  # to be written first when the socket has drained
    _taken: int | None = field(init=False, default=None)  # by the client, when that was last looked at
    _stalled_since: float | None = field(init=False, default=None)  # while the socket is full

    def __post_init__(self) -> None:
        self._with_channel = self.options.with_channel
        self._joined_at = self.channels.now()
        self.connected.add(self)
        if not self.writer.has_room:
            self.on_pause()

    def on_pause(self) -> None:
        """The socket is full."""
        self._stalled_since, self._taken = self.channels.now(), None
        for hub, client in self._clients.values():
            hub.pause(client)

    def on_resume(self) -> None:
        """The socket has drained: the channels take turns, and the one served least recently begins."""
        self._stalled_since = None
        for hub, client in self._clients.values():
            hub.resume(client)
        if self._answer is not None:
            answer, self._answer = self._answer, None
            self.writer.write(answer)
        turns = deque(self._clients)
        while turns and self.writer.has_room:
            channel = turns.popleft()
            if channel in self._clients:
                hub, client = self._clients[channel] = self._clients.pop(channel)
                if hub.serve(client):
                    turns.append(channel)

    def disconnect_if_stalled(self) -> None:
        """Cut a client that is gone, or whose full socket it has taken no byte from for SLOW_CLIENT_TIMEOUT_S."""
        if self._is_stalled():
            self.channels.counters.disconnects += 1
            self.writer.abort()

    def _is_stalled(self) -> bool:
        if self._stalled_since is None:
            return self.writer.is_gone
        now, taken = self.channels.now(), self.writer.taken
        if self._taken is None:
            self._taken = taken
        elif taken > self._taken:
            self._stalled_since, self._taken = now, taken
        else:
            return now - self._stalled_since > SLOW_CLIENT_TIMEOUT_S
        return False

    def on_disconnect(self) -> None:
        """The connection is lost: leave every channel."""
        self._disconnected, self._answer = True, None
        if self in self.connected:
            self.connected.discard(self)
            lasted_s = self.channels.now() - self._joined_at
            log_connection(self.options.channels, lasted_s, user=self.grant.user, address=self.address)
        for channel in list(self._clients):
            with contain_errors(f"a client that leaves {channel}"):
                self.unfollow(channel)

    def close(self, code: int, reason: str) -> None:
        """Disconnect, with the code and reason if the client reads."""
        self.writer.close(code, reason)

    def abort(self) -> None:
        """Cut the connection."""
        self.writer.abort()

    async def send_text(self, text: str) -> None:
        """Send a text to this client alone: where its socket is full, as the first thing when it has drained.

        A second call comes after the first one's end.
        """
        frame = text_frame(text.encode())
        if self.writer.has_room:
            self.writer.write(frame)
        else:
            self._answer = frame
            await self.writer.drained.wait()

    async def wait_for_room(self) -> None:
        """Wait until the socket is not full, or the connection is lost."""
        await self.writer.drained.wait()

    def follow_now(self) -> bool:
        """Join the channels of the client's options, up to one for which something has to be awaited first.

        Return whether all are joined; else `follow_all` joins the others.
        """
        for channel in self.options.channels:
            feed = self.channels.started_feed(channel)
            since = self.options.since.get(channel)
            step = None if feed is None else plan_recovery(feed, since, self.options.resumes)
            if feed is None or not isinstance(step, Replay):
                return False
            self._replay(channel, feed, step)
            self.channels.counters.count_join("memory" if step.recovered else "snapshot", resuming=since is not None)
        return True

    async def follow_all(self) -> None:
        """Join the channels of the client's options.

        Raises BrokerUnavailable and TimeoutError while Redis is away, TooManyChannels.
        """
        await self.channels.follow_all(self.options.channels, self.address)
        for channel in self.options.channels:
            await self.follow(channel, self.options.since.get(channel))

    async def follow(self, channel: str, since: Position | None) -> None:
        """Join one more channel at a position; from there on the client misses nothing and gets nothing twice."""
        if channel in self._clients:
            return
        if len(self._clients) >= MAX_CHANNELS_PER_CONNECTION:
            raise ValueError(f"a connection follows at most {MAX_CHANNELS_PER_CONNECTION} channels")
        with self.channels.pin(channel):
            feed = await self.channels.follow(channel, self.address)
            try:
                source = await self._recover(channel, feed, since)
            except _Disconnected:
                return
            self.channels.counters.count_join(source, resuming=since is not None)
        if self._disconnected:
            self.unfollow(channel)

    def unfollow(self, channel: str) -> None:
        """Leave the channel. Harmless if it isn't followed."""
        if channel in self._clients:
            hub, client = self._clients.pop(channel)
            hub.leave(client)
            self.channels.release(channel)

    @property
    def followed(self) -> Collection[str]:
        """The channels that it follows."""
        return self._clients.keys()

    def enable_channel_names(self) -> None:
        """Send events with their channel from now on, since the client may follow several."""
        if self._with_channel:
            return
        self._with_channel = True
        for channel, (hub, client) in list(self._clients.items()):
            place = hub.leave(client)
            other = self.channels.hub(self.channels.feeds[channel], self._view(channel))
            self._clients[channel] = (other, client)
            other.join(client, place=place)

    async def _recover(self, channel: str, feed: Feed, since: Position | None) -> Source:
        """Bring the client up to date, and return the source of its backlog."""
        caught_up, page_size = False, _FIRST_PAGE_SIZE
        source: Source = "memory"
        try:
            while not self._disconnected:
                step = plan_recovery(feed, since, self.options.resumes)
                if isinstance(step, CatchUp) and caught_up:
                    step = replay_snapshot(feed, since)
                if isinstance(step, CatchUp):
                    async with asyncio.timeout(RECOVERY_TIMEOUT_S):
                        await self.listeners.catch_up(channel)
                    caught_up = True
                elif isinstance(step, ReadHistory):
                    await self.writer.drained.wait()
                    since, page_size = await self._write_history(channel, step, page_size)
                    source = "history"
                else:
                    self._replay(channel, feed, step)
                    return source if step.recovered else "snapshot"
        except PositionLost:
            self._replay(channel, feed, replay_snapshot(feed, since))
            return "snapshot"
        raise _Disconnected

    async def _write_history(self, channel: str, step: ReadHistory, page_size: int) -> tuple[Position, int]:
        """Write a slice that others read who missed the same, or else read a page, and write until the socket is full.

        The rest of a page is not kept, but read again. Return the position of the last event written, and how many
        publications the next page has.
        """
        view, slices, after = self._view(channel), self.channels.slices, step.after
        place = channel, view.with_channel, view.download_id, view.joined, view.deflate
        async with asyncio.timeout(RECOVERY_TIMEOUT_S), self.channels.history_reads:
            if self._disconnected:
                raise _Disconnected
            piece = slices.get((*place, after))
            if piece is not None and piece.cursor <= step.until.offset:
                await asyncio.sleep(0)  # a crowd takes turns
                if not self.writer.has_room:
                    return after, page_size
                self._write_slice(piece)
                return Position(after.epoch, piece.cursor), page_size
            page = await self.broker.history(after, step.until, channel, page_size)
        entries = conflate(page)
        while entries and self.writer.has_room:
            frames, size, written = list[bytes](), 0, after.offset
            while entries and (not frames or size + len(entries[0].frame) <= SLICE_BYTES):
                entry = entries.pop(0)
                written = entry.offset
                if (frame := view.frame(entry)) is not None:
                    frames.append(frame)
                    size += len(frame)
            cursor = written if entries else page[-1].position.offset
            slices.put((*place, after), piece := Slice(view.encode(b"".join(frames)), len(frames), cursor))
            self._write_slice(piece)
            after = Position(after.epoch, cursor)
        size = sum(len(publication.payload) + 1 for publication in page)
        return after, max(1, min(_PAGE_SIZE, 2 * SLICE_BYTES * len(page) // size))

    def _write_slice(self, piece: Slice) -> None:
        self.channels.counters.count_sent(piece.events, 1, len(piece.batch))
        self.writer.write(piece.batch)

    def _replay(self, channel: str, feed: Feed, replay: Replay) -> None:
        if self._disconnected:
            return
        if feed.position is None:
            raise TimeoutError(f"the channel {channel} starts over")
        view = self._view(channel)
        greeting = b""
        if view.marks:
            greeting = hello(channel, feed.position, replay.recovered)
        client = Client(self.writer, paused=not self.writer.has_room)
        hub = self.channels.hub(feed, view)
        self.channels.hold(channel)
        self._clients[channel] = (hub, client)
        hub.join(client, greeting, replay.place)

    def _view(self, channel: str) -> View:
        return self.options.view(channel, self._with_channel, self.writer.deflate)
