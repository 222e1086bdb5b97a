"""The broker: publishes atomically, and reads history and snapshot.

An acknowledged publication is in the history, one position above the one before it, and was sent to every front-end in
the same step. Acknowledged publications may be gone only where a new epoch begins.
"""

import asyncio
import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, cast

import redis.asyncio

from simulcast import tracing
from simulcast.errors import BrokerUnavailable, InvalidEvent, PositionLost
from simulcast.model.channel import DEFAULT_CHANNEL, ChannelNames
from simulcast.model.events import SILENT_TTL_S, Event, Message, encode, validate_key
from simulcast.model.position import Position, is_next_position
from simulcast.model.publication import Publication, is_gapless, known_entry, known_stream_entry
from simulcast.store import functions
from simulcast.store.factory import topology_from_url
from simulcast.store.functions import Command
from simulcast.store.replies import is_of_keys
from simulcast.store.sender import PUBLISH_TIMEOUT_S, Sender
from simulcast.store.topology import Topology

HISTORY_LENGTH = 50_000  # publications of a channel, approximately
DEDUP_TTL_S = 300
PUBLISH_POOL_SIZE = 8  # connections to a server; the calls of one channel never use two simultaneously


@dataclass(frozen=True, slots=True)
class Head:
    """The newest position of a channel. `tag` marks the brokers' publications in this epoch.

    `previous`: the last position of the previous epoch that the server knew when this one began.
    `published_at`: when, by our `time.monotonic`, whatever the server's clock says: early by the round trip at most,
    never late; None if unknown.
    `following`: the first publications behind the position that was named with the question, without a gap; few.
    """

    position: Position
    tag: str
    previous: Position | None = None
    published_at: float | None = field(default=None, compare=False)
    following: Sequence[Publication] = field(default=(), compare=False)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A channel at its `head`: newest state event and progress of each active download, and recent terminal events.

    `publications` are ordered by position, oldest first. `ended_ago_s`: age of each terminal event, by key. `silent_s`:
    time since the newest event of each key that nobody owns.
    """

    head: Head
    publications: list[Publication]
    ended_ago_s: Mapping[str, float]
    silent_s: Mapping[str, float]


def build_publish_call(names: ChannelNames, event: Event, idempotency_key: str, ttl_s: int = SILENT_TTL_S) -> Command:
    """Return the call of lua/publish.lua. Raises InvalidEvent for an idempotency key that is too long.

    `ttl_s`: of an event that has none.
    """
    keys, label, dedup_id = names.stream_keys, event.label, ""
    if idempotency_key:
        keys = [*keys, names.dedup_key(validate_key(idempotency_key, "an idempotency key"))]
        if label[0] not in "se" or label.endswith(":"):
            dedup_id = secrets.token_hex(6)  # of a publication that is sent again
    args = (names.pubsub, HISTORY_LENGTH, label, event.key, event.payload, DEDUP_TTL_S, dedup_id, event.ttl_s or ttl_s)
    return functions.fcall("publish", keys, args)


class Broker:
    """Publishes in order, with one sender for each server, and reads."""

    def __init__(self, read_topology: Topology, publish_topology: Topology, silent_ttl_s: int = SILENT_TTL_S) -> None:
        """Owns both; `publish_topology` must have connections of its own. `silent_ttl_s`: of events without `ttl_s`."""
        self._read_topology = read_topology
        self._publish_topology = publish_topology
        self._silent_ttl_s = silent_ttl_s
        self._senders: dict[str, Sender] = {}

    @classmethod
    def connect(cls, url: str, silent_ttl_s: int = SILENT_TTL_S) -> "Broker":
        """Return a broker for a URL; sends nothing yet. Raises ValueError for a URL of no known form."""
        return cls(topology_from_url(url), topology_from_url(url, PUBLISH_POOL_SIZE), silent_ttl_s)

    def sender(self, channel: str = DEFAULT_CHANNEL) -> Sender:
        """Return the sender that keeps the order of calls to this channel."""
        name = channel if self._publish_topology.is_sharded else ""
        sender = self._senders.get(name)
        if sender is None or sender.closed:
            sender = self._senders[name] = Sender(self._publish_topology, channel, self._remove_sender)
        return sender

    def names(self, channel: str = DEFAULT_CHANNEL) -> ChannelNames:
        """Return the channel's names here. Raises ValueError for an invalid channel."""
        return self._publish_topology.names(channel)

    async def _remove_sender(self, sender: Sender) -> None:
        self._senders = {name: other for name, other in self._senders.items() if other is not sender}
        if not self._senders:
            await self._publish_topology.aclose()

    async def aclose(self) -> None:
        """Send the waiting calls, then close all connections."""
        await asyncio.gather(*(sender.aclose() for sender in list(self._senders.values())))
        await self._read_topology.aclose()

    async def publish(
        self,
        message: Message,
        channel: str = DEFAULT_CHANNEL,
        *,
        key: str = "",
        idempotency_key: str = "",
        ttl_s: int | None = None,
        ends: bool = False,
        traceparent: str = "",
    ) -> Position | None:
        """Publish, and return the position; None for text that is no JSON object, which is delivered live only.

        `key`: for clients that are behind or join, newer publications supersede older ones of the same key (events of
        downloads have theirs). `ends`: this is the end of that key. `ttl_s`: the snapshot drops the key after so many
        seconds without news, 1 to 604,800; without it after the broker's `silent_ttl_s`.
        `idempotency_key`: a repetition within DEDUP_TTL_S returns the position of the first.
        `traceparent`: of the cause, a member of the event that has none; "" for the present span, if there are spans
        (`simulcast.tracing`). An event that would be too large with it goes without.

        While Redis is away, a publication waits for up to PUBLISH_TIMEOUT_S, among at most MAX_WAITING, and newer
        progress of a download supersedes older progress that waits. State events are published exactly once, others at
        least once. Raises InvalidEvent, EventTooLarge, BrokerUnavailable; it may have been published then.
        """
        names = self.names(channel)
        with tracing.span("publish", traceparent, channel=channel) as cause:
            event = encode(message, key, ttl_s=ttl_s, ends=ends, traceparent=cause)
            if isinstance(event, str):
                text = event.encode("utf-8", "replace")
                await self.sender(channel).execute("publish", ("PUBLISH", names.pubsub, text))
                return None
            if event.label[0] in "se":
                idempotency_key = idempotency_key or secrets.token_hex(12)  # a reply may be lost, and the call repeated
            reply = await self.sender(channel).execute(
                "publish",
                build_publish_call(names, event, idempotency_key, self._silent_ttl_s),
                timeout_s=PUBLISH_TIMEOUT_S,
                key=f"{channel} {event.key}" if event.key else "",
                supersedable=event.label == "p",
                retain=bool(idempotency_key),
            )
        if reply is None:
            raise InvalidEvent(
                f"download or job {event.key} is owned by the service: its events come from its owner alone; "
                "send a command, or publish another id"
            )
        return Position.parse(cast(bytes, reply).decode())

    def server_counts(self) -> tuple[int, int]:
        """Count the known servers that serve channels, and those that answer discovery."""
        return self._read_topology.server_counts()

    async def head(self, channel: str = DEFAULT_CHANNEL) -> Head:
        """Return the channel's head; opens an epoch if acknowledged writes may be gone. Raises BrokerUnavailable."""
        (head,) = await self.heads({channel: None})
        if isinstance(head, BrokerUnavailable):
            raise head
        return head

    async def heads(self, channels: Mapping[str, Position | None]) -> list[Head | BrokerUnavailable]:
        """Return the heads of several channels, with one round trip to each of their servers.

        `channels` have the last position that is known, whose successors are wanted, or None. The error takes the place
        of a head whose keys have another type. Raises as `head`.
        """
        heads: dict[str, Head | BrokerUnavailable] = {}
        servers: dict[redis.asyncio.Redis, list[str]] = {}
        async with self._read_topology.translating_errors("read the heads of channels"):
            for channel in channels:
                servers.setdefault(await self._read_topology.client_for(channel), []).append(channel)
            for client, served in servers.items():
                keys = [(self._read_topology.names(channel).stream_keys, channels[channel]) for channel in served]
                asked_at, replies = await functions.ensure_loaded(
                    partial(_read_heads, client, keys), client, keys[0][0]
                )
                for channel, reply in zip(served, replies, strict=True):
                    if isinstance(reply, redis.RedisError):
                        error = functions.translate_error(reply, f"read the head of {channel}")
                        error.__cause__, heads[channel] = reply, error
                    else:
                        heads[channel] = _parse_head(cast(list[Any], reply), asked_at, channels[channel])
        return [heads[channel] for channel in channels]

    async def snapshot(self, channel: str = DEFAULT_CHANNEL) -> Snapshot:
        """Return the channel's snapshot, exact at its head. Raises BrokerUnavailable."""

        async def call(client: redis.asyncio.Redis) -> object:
            return await functions.call(client, "snapshot", self._read_topology.names(channel).stream_keys, [])

        reply = await self._read_topology.read(channel, "read the snapshot", call)
        *head, active, ended_entries, ages_ms, silent = cast(list[Any], reply)
        ended = [known_entry(entry) for entry in ended_entries]
        publications = sorted(filter(None, [*map(known_entry, active), *ended]), key=_sort_key)
        ages = zip(ended, ages_ms, strict=True)
        ended_ago_s = {publication.key: int(age_ms) / 1000 for publication, age_ms in ages if publication is not None}
        silent_s = {
            key.decode("utf-8", "replace"): int(ms) / 1000 for key, ms in zip(silent[::2], silent[1::2], strict=True)
        }
        return Snapshot(_parse_head(head), publications, ended_ago_s, silent_s)

    async def history(
        self, after: Position, until: Position, channel: str = DEFAULT_CHANNEL, limit: int = 1000
    ) -> list[Publication]:
        """Return the publications after `after` up to `until`, oldest first, at most `limit`, without a gap.

        `until` may lie in a later epoch; the publications of each further epoch then begin with its first one.
        Raises PositionLost if one of them was trimmed, BrokerUnavailable.
        """
        if after == until:
            return []
        publications = await self._range(channel, f"{after.epoch}-{after.offset + 1}", str(until), limit)
        if not publications and after.epoch == until.epoch:
            raise PositionLost(after, None)
        previous = after
        for publication in publications:
            if not is_next_position(previous, publication.position):
                raise PositionLost(after, publication.position)
            previous = publication.position
        if len(publications) < limit and previous != until and (previous.epoch == until.epoch or until.offset > 0):
            raise PositionLost(after, until)
        return publications

    async def tail(self, until: Position, limit: int, channel: str = DEFAULT_CHANNEL) -> list[Publication]:
        """Return the last publications of an epoch up to `until`, oldest first, at most `limit`, without a gap.

        Raises BrokerUnavailable.
        """
        first = max(until.offset - limit, 0) + 1
        publications = await self._range(channel, f"{until.epoch}-{first}", str(until), limit)
        for i in range(len(publications) - 1, 0, -1):
            if not is_next_position(publications[i - 1].position, publications[i].position):
                return publications[i:]
        return publications

    async def _range(self, channel: str, first: str, last: str, limit: int) -> list[Publication]:
        async def call(client: redis.asyncio.Redis) -> object:
            return await client.xrange(self._read_topology.names(channel).history, first, last, limit)

        reply = await self._read_topology.read(channel, "read the history", call)
        entries = cast(list[tuple[bytes, dict[bytes, bytes]]], reply)
        return [*filter(None, (known_stream_entry(position, fields.get(b"e", b"")) for position, fields in entries))]


async def _read_heads(
    client: redis.asyncio.Redis, asked: Sequence[tuple[Sequence[str], Position | None]]
) -> tuple[float, list[object]]:
    """Return the time before the request, in `time.monotonic`, and the replies. Some of them may be errors."""
    asked_at = time.monotonic()
    async with client.pipeline(transaction=False) as pipe:
        for i, (stream_keys, after) in enumerate(asked):
            pipe.execute_command(*functions.fcall("head", stream_keys, [int(i == 0), str(after or ""), HISTORY_LENGTH]))
        # redis-py 6 leaves the error's own text out of what it raises for a pipeline.
        replies: list[object] = await pipe.execute(raise_on_error=False)
    for reply in replies:
        if isinstance(reply, redis.RedisError) and not is_of_keys(reply):
            raise reply
    return asked_at, replies


def _sort_key(publication: Publication) -> tuple[int, int]:
    return publication.position.epoch, publication.position.offset


def _parse_head(reply: list[Any], asked_at: float | None = None, after: Position | None = None) -> Head:
    epoch, offset, tag, previous, age_us, *rest = reply
    published_at = asked_at - int(age_us) / 1e6 if asked_at is not None and age_us else None
    before = Position.parse(previous.decode()) if previous else None
    following: list[Publication] = []
    if rest and after is not None:
        following = [*filter(None, map(known_stream_entry, rest[0][::2], rest[0][1::2]))]
        if not is_gapless(after, following):
            following = []
    return Head(Position(int(epoch), int(offset)), tag.decode(), before, published_at, following)
