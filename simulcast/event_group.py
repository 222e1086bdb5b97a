"""`simulcast.on_event`: events of a channel for a program of one's own, whose place in the history Redis keeps."""

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Collection, Sequence
from contextlib import aclosing
from functools import partial
from typing import Any, TypeVar, cast

import redis
import redis.asyncio

from simulcast.cancellation import is_cancelling
from simulcast.errors import BrokerUnavailable
from simulcast.event_loop import require_event_loop
from simulcast.model.channel import DEFAULT_CHANNEL, ChannelNames
from simulcast.model.publication import known_stream_entry, with_channel, with_event_id
from simulcast.settings.redis import RedisSettings
from simulcast.store.factory import topology_from_url
from simulcast.store.replies import is_unavailable
from simulcast.store.topology import Topology

MAX_READ = 100  # events, by one call
BLOCK_MS = 1000
RETRY_S = 1.0
_FIRST, _NEW, _UNREAD = "0", "$", ">"  # ids of XGROUP CREATE and XREADGROUP
_CONSUMER = "1"  # the same in each process: one that starts gets first what its predecessor did not finish
_log = logging.getLogger("simulcast.events")

T = TypeVar("T")
Entry = tuple[bytes, dict[bytes, bytes]]
Handle = Callable[[dict[str, object]], Awaitable[None]]


async def on_event(
    handle: Handle,
    group: str,
    *,
    types: Collection[str] = (),
    channel: str = DEFAULT_CHANNEL,
    url: str = "",
) -> None:
    """Await `handle` for one event after the other, in their order, until it is cancelled or `handle` raises.

    `group`: the name of a place in the history, 1 to 100 of A-Z a-z 0-9 _ . : -; a new one begins with what comes next.
    A program that starts again with the same group goes on where it was, and gets the event that it did not finish
    once more. `types`: of the events that are wanted, all without it. `url`: "" for REDIS_URL.

    The place reaches back as far as the history does. While Redis is away it waits. Raises what `handle` raises,
    ValueError or SettingRefused for a wrong argument or address, BrokerUnavailable for what waiting does not mend.
    """
    require_event_loop("on_event")
    ChannelNames(group)
    url = url or RedisSettings.from_environment().resolved_redis_url()
    async with aclosing(topology_from_url(url, max_connections=2)) as servers:
        await _GroupReader(servers, servers.names(channel), group).follow(handle, frozenset(types))


class _GroupReader:
    """A consumer group on the history of one channel."""

    def __init__(self, servers: Topology, names: ChannelNames, group: str) -> None:
        self._servers = servers
        self._names = names
        self._group = group
        self._begins = _NEW  # where a group begins that is not there

    async def follow(self, handle: Handle, types: Collection[str]) -> None:
        start = _FIRST  # a predecessor may have left some unfinished
        while not is_cancelling():
            entries = await self._call(partial(self._read, start=start))
            if entries is None:
                start = _FIRST  # of a reply that was lost
                await asyncio.sleep(RETRY_S)
                continue
            done = []
            for position, fields in entries:
                event = self._event(position, fields)
                done.append(position)
                if event is not None and (not types or event.get("type") in types):
                    await handle(event)
                    await self._finish(done)
                    done = []
            await self._finish(done)
            if not entries:
                start = _UNREAD

    def _event(self, position: bytes, fields: dict[bytes, bytes]) -> dict[str, object] | None:
        """Return the event; None for one that was trimmed since it was read, or that is not of this library."""
        publication = known_stream_entry(position, fields.get(b"e", b""))
        if publication is None:
            _log.warning("an event of %s is not in the history any more", self._names.channel)
            return None
        payload = with_event_id(publication.position, publication.payload)
        try:
            return cast(dict[str, object], json.loads(with_channel(self._names.channel, payload)))
        except (ValueError, RecursionError):  # else a program that starts again would get it for ever
            _log.warning("the event %s of %s can't be read", publication.position, self._names.channel)
            return None

    async def _finish(self, positions: Sequence[bytes]) -> None:
        async def acknowledge(client: redis.asyncio.Redis) -> int:
            return await client.xack(self._names.history, self._group, *positions)

        while positions and await self._call(acknowledge) is None and not is_cancelling():  # noqa: ASYNC110 (Redis is away)
            await asyncio.sleep(RETRY_S)

    async def _call(self, call: Callable[[redis.asyncio.Redis], Awaitable[T | None]]) -> T | None:
        """Return the reply; None where Redis is away. Raises BrokerUnavailable for what waiting does not mend."""
        try:
            async with self._servers.client_at(self._names.channel, "read the history") as client:
                return await call(client)
        except BrokerUnavailable as error:
            cause = error.__cause__
            if not (isinstance(cause, redis.RedisError) and is_unavailable(cause)):
                raise
            _log.warning("no events: %s", error)
            return None

    async def _read(self, client: redis.asyncio.Redis, start: str) -> list[Entry] | None:
        """Return the next entries; None where there is no history yet, or the group began a moment ago."""
        streams: Any = {self._names.history: start}
        try:
            reply: Any = await client.xreadgroup(self._group, _CONSUMER, streams, count=MAX_READ, block=BLOCK_MS)
        except redis.ResponseError as error:
            if not str(error).startswith("NOGROUP"):
                raise
            await self._begin(client)
            return None
        return cast(list[Entry], reply[0][1]) if reply else []

    async def _begin(self, client: redis.asyncio.Redis) -> None:
        """Make the group, unless there is no history. All of one that appears, or comes back, is new."""
        if await client.exists(self._names.history):
            try:
                await client.xgroup_create(self._names.history, self._group, self._begins)
            except redis.ResponseError as error:
                if not str(error).startswith("BUSYGROUP"):  # another process was faster
                    raise
        self._begins = _FIRST
