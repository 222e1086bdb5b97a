"""Lists of downloads and of other jobs: a page in the order of creation is read alone, others are made of all records.

A crowd shares the readings.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Generic, Protocol, TypeVar, cast

import redis.asyncio

from simulcast.errors import BrokerUnavailable
from simulcast.shared_reading import SharedReading
from simulcast.store.topology import Topology

_PAGE = 200
_MAX_OFFSET = 2**53  # behind every job; Redis takes whole numbers of 64 bits
_Record = TypeVar("_Record")


class _Query(Protocol[_Record]):
    """A page of records; equal ones share a reading."""

    @property
    def offset(self) -> int: ...

    @property
    def limit(self) -> int: ...

    @property
    def is_by_creation(self) -> bool: ...

    @property
    def descending(self) -> bool: ...

    def apply(self, records: Iterable[_Record]) -> tuple[list[_Record], int]: ...


class JobList(Generic[_Record]):
    """The records of one channel whose ids are in the sorted set `ids`, by their time of creation.

    `prefix`: of the key of a record, before its id. `parse`: of its `fields`; raises BrokerUnavailable for one that is
    not readable, which is left out.
    """

    def __init__(
        self,
        servers: Topology,
        channel: str,
        ids: str,
        prefix: str,
        fields: Sequence[str],
        parse: Callable[[Mapping[str, str]], _Record],
    ) -> None:
        self._servers = servers
        self._channel = channel
        self._ids = ids
        self._prefix = prefix
        self._fields = fields
        self._parse = parse
        self._pages: SharedReading[_Query[_Record], tuple[list[_Record], int]] = SharedReading(self._read_page)
        self._all: SharedReading[Sequence[_Record]] = SharedReading(self._read_all)
        self._turn = asyncio.Lock()

    async def page(self, query: _Query[_Record]) -> tuple[list[_Record], int]:
        """Return one page of records, and the number of records that match. Raises BrokerUnavailable."""
        if query.is_by_creation:
            return await self._pages.get(query)
        records = await self._all.get()
        async with self._turn:
            await asyncio.sleep(0)  # events go out between two pages
            return query.apply(records)

    async def _read_page(self, query: _Query[_Record]) -> tuple[list[_Record], int]:
        async def call(client: redis.asyncio.Redis) -> tuple[list[_Record], int]:
            total = await client.zcard(self._ids)
            first = min(query.offset, _MAX_OFFSET)
            ids = await client.zrange(self._ids, first, first + query.limit - 1, desc=query.descending)
            return await self._records(client, cast(Sequence[bytes], ids)), total

        return await self._servers.read(self._channel, "list the jobs", call)

    async def _read_all(self) -> Sequence[_Record]:
        async def call(client: redis.asyncio.Redis) -> Sequence[_Record]:
            return await self._records(client, cast(Sequence[bytes], await client.zrange(self._ids, 0, -1)))

        return await self._servers.read(self._channel, "list the jobs", call)

    async def _records(self, client: redis.asyncio.Redis, ids: Sequence[bytes]) -> list[_Record]:
        records = []
        for start in range(0, len(ids), _PAGE):
            async with client.pipeline(transaction=False) as pipe:
                for job_id in ids[start : start + _PAGE]:
                    pipe.hmget(self._prefix + job_id.decode(), self._fields)
                for values in await pipe.execute():
                    fields = zip(self._fields, values, strict=True)
                    with suppress(BrokerUnavailable):  # an unreadable record must not hide the others
                        records.append(self._parse({name: text.decode() for name, text in fields if text is not None}))
        return records
