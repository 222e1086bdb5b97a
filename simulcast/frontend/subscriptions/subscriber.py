"""One client in its channels: it joins each at its position, follows more or fewer, and leaves them together."""

import asyncio
import json
from contextlib import ExitStack
from functools import partial
from typing import Protocol

from simulcast.broker import Broker
from simulcast.containment import contain_errors
from simulcast.errors import PositionLost
from simulcast.frontend.fanout.counters import Source
from simulcast.frontend.fanout.deflate import Deflate
from simulcast.frontend.fanout.feed import Feed
from simulcast.frontend.fanout.frames import text_frame
from simulcast.frontend.fanout.hub import Client, Hub, Writer
from simulcast.frontend.fanout.recovery import (
    CatchUp,
    ReadHistory,
    Replay,
    conflate,
    is_ahead,
    plan_recovery,
    replay_snapshot,
)
from simulcast.frontend.fanout.view import View
from simulcast.frontend.ingest.listener_pool import ListenerPool
from simulcast.frontend.subscriptions.channels import Channels
from simulcast.frontend.subscriptions.options import MAX_CHANNELS_PER_CONNECTION, SubscribeOptions
from simulcast.model.position import Position

PING_INTERVAL_S = 20.0  # of the server's pings; `hello` promises it
RECOVERY_TIMEOUT_S = 30.0
_PAGE_SIZE = 200  # publications of the history, written before the socket must drain


class ConnectionWriter(Writer, Protocol):
    """A writer with its connection's state."""

    def close(self, code: int, reason: str) -> None:
        """Disconnect the client, which gets code and reason if it reads."""

    @property
    def drained(self) -> asyncio.Event:
        """Set while the socket has room."""

    @property
    def deflate(self) -> Deflate | None:
        """The compression that was negotiated, if any."""


class Subscriber:
    """One client in the hub of each channel it follows. All channels share its socket."""

    def __init__(
        self,
        options: SubscribeOptions,
        writer: ConnectionWriter,
        channels: Channels,
        listeners: ListenerPool,
        broker: Broker,
        connected: set["Subscriber"],
    ) -> None:
        """`connected`: holds it from here until it disconnects."""
        self._options = options
        self._writer = writer
        self._drained = writer.drained
        self._channels = channels
        self._listeners = listeners
        self._broker = broker
        self._with_channel = options.with_channel
        self._clients: dict[str, tuple[Hub, Client]] = {}
        self._pins: dict[str, ExitStack] = {}
        self._disconnected = False
        self._connected = connected
        connected.add(self)

    def on_pause(self) -> None:
        """The socket is full."""
        for hub, client in self._clients.values():
            hub.pause(client)

    def on_resume(self) -> None:
        """The socket has drained."""
        for hub, client in list(self._clients.values()):
            if not self._drained.is_set():
                return  # the backlog of the channel before has filled it again
            hub.resume(client)

    def on_disconnect(self) -> None:
        """The connection is lost: leave every channel."""
        self._disconnected = True
        self._connected.discard(self)
        for channel in list(self._clients):
            with contain_errors(f"a client that leaves {channel}"):
                self.unfollow(channel)

    def close(self, code: int, reason: str) -> None:
        """Disconnect, with the code and reason if the client reads."""
        self._writer.close(code, reason)

    def abort(self) -> None:
        """Cut the connection."""
        self._writer.abort()

    async def send_text(self, text: str) -> None:
        """Send a text to this client alone, once its socket has room."""
        await self._drained.wait()
        self._writer.write(text_frame(text.encode()))

    async def follow_all(self) -> None:
        """Join the channels of the client's options.

        Raises BrokerUnavailable and TimeoutError while Redis is away, TooManyChannels.
        """
        for channel in self._options.channels:
            await self.follow(channel, self._options.since.get(channel))

    async def follow(self, channel: str, since: Position | None) -> None:
        """Join one more channel at a position; from there on the client misses nothing and gets nothing twice."""
        if channel in self._clients:
            return
        if len(self._clients) >= MAX_CHANNELS_PER_CONNECTION:
            raise ValueError(f"a connection follows at most {MAX_CHANNELS_PER_CONNECTION} channels")
        with ExitStack() as pin:
            pin.enter_context(self._channels.pin(channel))
            feed = await self._channels.follow(channel, self._options.address)
            async with asyncio.timeout(RECOVERY_TIMEOUT_S):
                source = await self._recover(channel, feed, since)
            self._channels.counters.count_join(source, resuming=since is not None)
            self._pins[channel] = pin.pop_all()
        if self._disconnected:
            self.unfollow(channel)

    def unfollow(self, channel: str) -> None:
        """Leave the channel. Harmless if it isn't followed."""
        if channel in self._clients:
            hub, client = self._clients.pop(channel)
            hub.leave(client)
        if channel in self._pins:
            self._pins.pop(channel).close()

    def enable_channel_names(self) -> None:
        """Send events with their channel from now on, since the client may follow several."""
        if self._with_channel:
            return
        self._with_channel = True
        for channel, (hub, client) in list(self._clients.items()):
            backlog = hub.take_backlog(client)
            del self._clients[channel]
            if backlog is None:
                self._writer.abort()
                return
            feed = self._channels.feeds[channel]
            view = self._view(channel)
            hub = self._channels.hub(feed, view)
            self._join(channel, hub, view.join_frames(backlog), hub.log.head)

    async def _recover(self, channel: str, feed: Feed, since: Position | None) -> Source:
        """Bring the client up to date, and return the source of its backlog."""
        caught_up = False
        source: Source = "memory"
        view = self._view(channel)
        try:
            while True:
                step = plan_recovery(feed, since)
                if isinstance(step, CatchUp) and caught_up:
                    step = replay_snapshot(feed)
                if isinstance(step, CatchUp):
                    await self._listeners.poll_now([channel], unless=partial(_has_caught_up, feed, since))
                    caught_up = True
                elif isinstance(step, ReadHistory):
                    async with self._channels.history_reads:
                        page = await self._broker.history(step.after, step.until, channel, _PAGE_SIZE)
                    entries = conflate(page)
                    frames = view.join_frames(entries)
                    self._channels.counters.count_sent(len(entries), 1, len(frames))
                    self._writer.write(frames)
                    source = "history"
                    since = page[-1].position
                    await self._drained.wait()
                else:
                    self._replay(channel, feed, step)
                    return source if step.recovered else "snapshot"
        except PositionLost:
            self._replay(channel, feed, replay_snapshot(feed))
            return "snapshot"

    def _replay(self, channel: str, feed: Feed, replay: Replay) -> None:
        if self._disconnected:
            return
        if feed.position is None:
            raise TimeoutError(f"the channel {channel} starts over")
        view = self._view(channel)
        hub = self._channels.hub(feed, view)
        if replay.recovered:
            frames, cursor = view.join_frames(replay.entries), hub.log.head
        else:
            frames, cursor = feed.snapshot_for(view, hub, self._channels.now())
        if view.marks:
            hello = {
                "type": "hello",
                "channel": channel,
                "position": str(feed.position),
                "recovered": replay.recovered,
                "ping_interval_s": PING_INTERVAL_S,
            }
            frames = text_frame(json.dumps(hello, separators=(",", ":")).encode()) + frames
        self._join(channel, hub, frames, cursor)

    def _join(self, channel: str, hub: Hub, frames: bytes, cursor: int) -> None:
        client = Client(self._writer)
        client.paused = not self._drained.is_set()
        self._clients[channel] = (hub, client)
        hub.join(client, frames, cursor)

    def _view(self, channel: str) -> View:
        return self._options.view(channel, self._with_channel, self._writer.deflate)


def _has_caught_up(feed: Feed, since: Position | None) -> bool:
    return not is_ahead(feed, since)
