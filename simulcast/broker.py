"""The broker: publish atomically, read the history, read what is going on now.

What it promises: a publication that was acknowledged is in the history, under a position one above the one before it,
and was sent to every front-end in the same step. A new epoch says that acknowledged ones may be gone.
"""

import asyncio
import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import cast

import redis.asyncio

from simulcast.errors import BrokerUnavailable, PositionLost
from simulcast.model.channel import DEFAULT_CHANNEL, ChannelNames
from simulcast.model.events import Event, Message, encode, validate_key
from simulcast.model.position import Position
from simulcast.model.publication import Publication, from_entry, from_stream
from simulcast.store import functions
from simulcast.store.factory import topology_from_url
from simulcast.store.functions import Argument
from simulcast.store.sender import PUBLISH_TIMEOUT_S, Sender
from simulcast.store.topology import Topology

HISTORY_LENGTH = 50_000  # publications a channel keeps, approximately
DEDUP_TTL_S = 300
PUBLISH_POOL_SIZE = 8  # connections to a server; one channel's calls are never under way over two of them


@dataclass(frozen=True, slots=True)
class Head:
    """Where a channel is. `tag` marks what its broker publishes in this epoch.

    `before`: how far the epoch before had come, as far as the server knew when this one began.
    `published_at`: when that position was published, in seconds of `time.monotonic` here; whatever the clocks of both
    say, it is too early by as long as the question took to Redis, and never too late. None where it isn't known.
    """

    position: Position
    tag: str
    previous: Position | None = None
    published_at: float | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What goes on in a channel at `head`: newest state event and progress of each active download, and recent ends.

    `publications` are ordered by position, oldest first. `ended_ago_s`: for each end's key, how long ago it was.
    """

    head: Head
    publications: list[Publication]
    ended_ago_s: Mapping[str, float]


def build_publish_call(names: ChannelNames, event: Event, idempotency_key: str) -> tuple[list[str], list[Argument]]:
    """KEYS and ARGV of lua/publish.lua. Raises InvalidEvent for an idempotency key that is too long."""
    keys = names.stream_keys
    if not idempotency_key and event.label[0] in "se":
        idempotency_key = secrets.token_hex(12)  # so that it can be sent again when its reply was lost
    label = event.label
    if idempotency_key:
        keys = [*names.stream_keys, names.dedup_key(validate_key(idempotency_key, "an idempotency key"))]
        if label[0] not in "se" or label.endswith(":"):
            label = f"{label}#{secrets.token_hex(6)}"  # by which front-ends know it again when it is told anew
    return keys, [names.pubsub, HISTORY_LENGTH, label, event.key, event.payload, DEDUP_TTL_S]


class Broker:
    """Publishes in order, a sender for what one server serves, and reads."""

    def __init__(self, read_topology: Topology, publish_topology: Topology) -> None:
        """Owns both; `publishing` must have connections of its own."""
        self._read_topology = read_topology
        self._publish_topology = publish_topology
        self._senders: dict[str, Sender] = {}

    @classmethod
    def connect(cls, url: str) -> "Broker":
        """Nothing is sent yet. Raises ValueError for an address of no known form."""
        return cls(topology_from_url(url), topology_from_url(url, PUBLISH_POOL_SIZE))

    def sender(self, channel: str = DEFAULT_CHANNEL) -> Sender:
        """By which all calls leave that are to keep their order with what is published to the channel."""
        lane = channel if self._publish_topology.is_sharded else ""
        found = self._senders.get(lane)
        if found is None or found.closed:
            found = self._senders[lane] = Sender(self._publish_topology, channel, self._remove_sender)
        return found

    async def _remove_sender(self, sender: Sender) -> None:
        self._senders = {lane: each for lane, each in self._senders.items() if each is not sender}
        if not self._senders:
            await self._publish_topology.aclose()

    async def aclose(self) -> None:
        """Sends what waits, then closes all connections."""
        await asyncio.gather(*(sender.aclose() for sender in list(self._senders.values())))
        await self._read_topology.aclose()

    async def publish(
        self, message: Message, channel: str = DEFAULT_CHANNEL, *, key: str = "", idempotency_key: str = ""
    ) -> Position | None:
        """The publication's position, or None for text that is no JSON object, which is delivered live only.

        `key`: newer publications supersede older ones of the same key for clients that are behind (events of downloads
        have theirs). `idempotency_key`: a repetition within IDEMPOTENCY_S is answered with the first one's position.

        While Redis is away it waits for up to PATIENCE_S, among at most MAX_WAITING, and newer progress of a download
        supersedes what waits. State events are published once all the same; others at least once.
        Raises InvalidEvent, EventTooLarge, BrokerUnavailable (whether it was published may then be unknown).
        """
        names = ChannelNames(channel)
        event = encode(message, key)
        if isinstance(event, str):
            await self.sender(channel).execute("publish", ("PUBLISH", names.pubsub, event.encode("utf-8", "replace")))
            return None
        about = f"{channel} {event.key}" if event.key else ""
        keys, args = build_publish_call(names, event, idempotency_key)
        yields = event.label == "p"
        keep = len(keys) > len(names.stream_keys)
        reply = await self.sender(channel).call(
            "publish", keys, args, timeout_s=PUBLISH_TIMEOUT_S, key=about, supersedable=yields, retain=keep
        )
        return Position.parse(_decode(reply))

    def server_counts(self) -> tuple[int, int]:
        """How many servers serve channels, and how many are asked who does, as far as is known."""
        return self._read_topology.server_counts()

    async def head(self, channel: str = DEFAULT_CHANNEL) -> Head:
        """Where the channel is now; opens an epoch where acknowledged writes may be gone. Raises BrokerUnavailable."""
        return (await self.heads([channel]))[0]

    async def heads(self, channels: Sequence[str]) -> list[Head]:
        """As `head`, for several channels in one round trip to each server that serves some of them."""
        found: dict[str, Head] = {}
        servers: dict[redis.asyncio.Redis, list[str]] = {}
        async with self._read_topology.translating_errors("ask where the channels are"):
            for channel in channels:
                servers.setdefault(await self._read_topology.client_for(channel), []).append(channel)
            for client, served in servers.items():
                asked_at, replies = await functions.ensure_loaded(
                    partial(_read_heads, client, served), client.execute_command
                )
                found |= {
                    channel: _parse_head(_expect_list(reply), asked_at)
                    for channel, reply in zip(served, replies, strict=True)
                }
        return [found[channel] for channel in channels]

    async def snapshot(self, channel: str = DEFAULT_CHANNEL) -> Snapshot:
        """What goes on, exact at its head. Raises BrokerUnavailable."""

        async def call(client: redis.asyncio.Redis) -> object:
            return await functions.call(client.execute_command, "snapshot", ChannelNames(channel).stream_keys, [])

        reply = _expect_list(await self._read_topology.read(channel, "read what goes on", call))
        active = [from_entry(_expect_bytes(entry)) for entry in _expect_list(reply[5])]
        ended = [from_entry(_expect_bytes(entry)) for entry in _expect_list(reply[6])]
        ages = [int(_decode(age)) / 1000 for age in _expect_list(reply[7])]
        publications = sorted([*active, *ended], key=_sort_key)
        ended_ago_s = {end.key: age for end, age in zip(ended, ages, strict=True)}
        return Snapshot(_parse_head(reply), publications, ended_ago_s)

    async def history(
        self, after: Position, until: Position, channel: str = DEFAULT_CHANNEL, limit: int = 1000
    ) -> list[Publication]:
        """Publications after `after` up to `until`, oldest first, at most `limit`, with none missing between.

        `until` may lie in a later epoch: then each epoch's publications follow from its first one on.
        Raises PositionLost if one of them was trimmed, BrokerUnavailable if Redis doesn't answer.
        """
        if after == until:
            return []
        found = await self._range(channel, f"{after.epoch}-{after.offset + 1}", str(until), limit)
        if not found and after.epoch == until.epoch:
            raise PositionLost(after, None)
        expected = after
        for publication in found:
            if not is_next_position(expected, publication.position):
                raise PositionLost(after, publication.position)
            expected = publication.position
        if len(found) < limit and expected != until and (expected.epoch == until.epoch or until.offset > 0):
            raise PositionLost(after, until)
        return found

    async def tail(self, until: Position, limit: int, channel: str = DEFAULT_CHANNEL) -> list[Publication]:
        """The last publications of that epoch up to `until`, oldest first, at most `limit`.

        Raises BrokerUnavailable.
        """
        first = max(until.offset - limit, 0) + 1
        found = await self._range(channel, f"{until.epoch}-{first}", str(until), limit)
        for place in range(len(found) - 1, 0, -1):
            if not is_next_position(found[place - 1].position, found[place].position):
                return found[place:]
        return found

    async def _range(self, channel: str, first: str, last: str, limit: int) -> list[Publication]:
        async def call(client: redis.asyncio.Redis) -> object:
            return await client.xrange(ChannelNames(channel).history, first, last, limit)

        reply = await self._read_topology.read(channel, "read the history", call)
        rows = cast(list[tuple[bytes, dict[bytes, bytes]]], reply)
        return [from_stream(place, fields[b"e"]) for place, fields in rows]


async def _read_heads(client: redis.asyncio.Redis, channels: Sequence[str]) -> tuple[float, list[object]]:
    asked_at = time.monotonic()
    async with client.pipeline(transaction=False) as pipe:
        for number, channel in enumerate(channels):
            keys = ChannelNames(channel).stream_keys
            pipe.execute_command("FCALL", functions.name("head"), len(keys), *keys, int(number == 0))
        # redis-py 6 leaves the error's own text out of what it raises for a pipeline.
        replies: list[object] = await pipe.execute(raise_on_error=False)
    if (error := next((reply for reply in replies if isinstance(reply, redis.RedisError)), None)) is not None:
        raise error
    return asked_at, replies


def is_next_position(previous: Position, position: Position) -> bool:
    if position.epoch == previous.epoch:
        return position.offset == previous.offset + 1
    return position.epoch > previous.epoch and position.offset == 1


def _sort_key(publication: Publication) -> tuple[int, int]:
    return publication.position.epoch, publication.position.offset


def _parse_head(reply: list[object], asked_at: float | None = None) -> Head:
    """`asked`: when, in seconds of `time.monotonic`."""
    previous, age_us = _decode(reply[3]), _decode(reply[4])
    position = Position(int(_decode(reply[0])), int(_decode(reply[1])))
    published_at = asked_at - int(age_us) / 1e6 if asked_at is not None and age_us else None
    return Head(position, _decode(reply[2]), Position.parse(previous) if previous else None, published_at)


def _expect_list(reply: object) -> list[object]:
    if not isinstance(reply, list):
        raise BrokerUnavailable(f"Redis answered {type(reply).__name__} where a list was due")
    return reply


def _expect_bytes(reply: object) -> bytes:
    if not isinstance(reply, bytes):
        raise BrokerUnavailable(f"Redis answered {type(reply).__name__} where text was due")
    return reply


def _decode(reply: object) -> str:
    return _expect_bytes(reply).decode()
