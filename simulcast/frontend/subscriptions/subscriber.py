"""One client in its channels: it joins each where it stopped, follows more or fewer, and leaves all at once."""

import asyncio
import json
from contextlib import ExitStack
from functools import partial
from typing import Protocol

from simulcast.broker import Broker
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

PING_INTERVAL_S = 20.0  # the server's pings, as `hello` promises them
RECOVERY_TIMEOUT_S = 30.0
_PAGE_SIZE = 200  # publications of the history that are sent before the socket must drain


class ConnectionWriter(Writer, Protocol):
    """A writer that can be waited for."""

    @property
    def drained(self) -> asyncio.Event:
        """Set while the socket has room."""

    @property
    def deflate(self) -> Deflate | None:
        """The compression that was negotiated, if any."""


class Subscriber:
    """A client's place in the hub of each channel it follows. All share one socket, which is full or not for all."""

    def __init__(
        self,
        options: SubscribeOptions,
        writer: ConnectionWriter,
        channels: Channels,
        listeners: ListenerPool,
        broker: Broker,
    ) -> None:
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

    def on_pause(self) -> None:
        """The socket is full."""
        for hub, client in self._clients.values():
            hub.pause(client)

    def on_resume(self) -> None:
        """The socket has drained."""
        for hub, client in list(self._clients.values()):
            if not self._drained.is_set():
                return  # what the one before was owed has filled it again
            hub.resume(client)

    def on_disconnect(self) -> None:
        """The connection is gone: nothing more is written to it."""
        self._disconnected = True
        for channel in list(self._clients):
            self.unfollow(channel)

    async def send_text(self, text: str) -> None:
        """An answer to this client alone, once its socket has room."""
        await self._drained.wait()
        self._writer.write(text_frame(text.encode()))

    async def follow_all(self) -> None:
        """Joins all the channels it asked for, then says hello where it speaks simulcast.v1.

        Raises BrokerUnavailable and TimeoutError while Redis is away, TooManyChannels.
        """
        for channel in self._options.channels:
            await self.follow(channel, self._options.since.get(channel))

    async def follow(self, channel: str, since: Position | None) -> None:
        """Joins one more channel where it stopped; nothing is missed or repeated from there on."""
        if channel in self._clients:
            return
        if len(self._clients) >= MAX_CHANNELS_PER_CONNECTION:
            raise ValueError(f"a connection follows at most {MAX_CHANNELS_PER_CONNECTION} channels")
        with ExitStack() as hold:
            hold.enter_context(self._channels.pin(channel))
            feed = await self._channels.follow(channel)
            async with asyncio.timeout(RECOVERY_TIMEOUT_S):
                source = await self._recover(channel, feed, since)
            self._channels.counters.count_join(source, resuming=since is not None)
            self._pins[channel] = hold.pop_all()
        if self._disconnected:
            self.unfollow(channel)

    def unfollow(self, channel: str) -> None:
        """Leaves the channel. Harmless where it isn't followed."""
        place = self._clients.pop(channel, None)
        if place is not None:
            hub, client = place
            hub.leave(client)
        if channel in self._pins:
            self._pins.pop(channel).close()

    def enable_channel_names(self) -> None:
        """From here on events carry their channel, since the client follows, or may follow, several."""
        if self._with_channel:
            return
        self._with_channel = True
        for channel, (hub, client) in list(self._clients.items()):
            owed = hub.take_backlog(client)
            del self._clients[channel]
            if owed is None:
                self._writer.abort()
                return
            feed = self._channels.feeds[channel]
            view = self._view(channel)
            hub = self._channels.hub(feed, view)
            self._join(channel, hub, view.join_frames(owed), hub.log.head)

    async def _recover(self, channel: str, feed: Feed, since: Position | None) -> Source:
        """Where what it is given comes from."""
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
                        rows = await self._broker.history(step.after, step.until, channel, _PAGE_SIZE)
                    entries = conflate(rows)
                    frames = view.join_frames(entries)
                    self._channels.counters.count_sent(len(entries), 1, len(frames))
                    self._writer.write(frames)
                    source = "history"
                    since = rows[-1].position
                    await self._drained.wait()
                else:
                    self._replay(channel, feed, step)
                    return source if step.recovered else "snapshot"
        except PositionLost:
            self._replay(channel, feed, replay_snapshot(feed))
            return "snapshot"

    def _replay(self, channel: str, feed: Feed, owed: Replay) -> None:
        if self._disconnected:
            return
        view = self._view(channel)
        hub = self._channels.hub(feed, view)
        if owed.recovered:
            frames, cursor = view.join_frames(owed.entries), hub.log.head
        else:
            frames, cursor = feed.snapshot_for(view, hub, self._channels.now())
        if view.marks:
            hello = {
                "type": "hello",
                "channel": channel,
                "position": str(feed.position),
                "recovered": owed.recovered,
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
