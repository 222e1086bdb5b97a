"""Lists of downloads: a crowd shares the readings of the records, and takes turns at its pages."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import cast

import redis.asyncio

from simulcast.errors import BrokerUnavailable
from simulcast.model.channel import ChannelNames
from simulcast.model.job_record import RECORD_FIELDS, JobRecord, Query, parse_record
from simulcast.shared_reading import SharedReading
from simulcast.store.topology import Topology

_PAGE = 200


class JobList:
    """The records of one channel."""

    def __init__(self, servers: Topology, names: ChannelNames) -> None:
        self._servers = servers
        self._names = names
        self._reading = SharedReading(self._read)
        self._page_turn = asyncio.Lock()

    async def page(self, query: Query) -> tuple[list[JobRecord], int]:
        """Return one page of records, and the number of records that match. Raises BrokerUnavailable."""
        records = await self._reading.get()
        async with self._page_turn:
            await asyncio.sleep(0)  # events go out between two pages
            return query.apply(records)

    async def _read(self) -> Sequence[JobRecord]:
        return await self._servers.read(self._names.channel, "list the downloads", self._records)

    async def _records(self, client: redis.asyncio.Redis) -> Sequence[JobRecord]:
        ids = cast(Sequence[bytes], await client.zrange(self._names.job_keys[0], 0, -1))
        records = []
        for start in range(0, len(ids), _PAGE):
            async with client.pipeline(transaction=False) as pipe:
                for download_id in ids[start : start + _PAGE]:
                    pipe.hmget(self._names.job_prefix + download_id.decode(), RECORD_FIELDS)
                for values in await pipe.execute():
                    fields = zip(RECORD_FIELDS, values, strict=True)
                    with suppress(BrokerUnavailable):  # an unreadable record must not hide the others
                        records.append(parse_record({name: text.decode() for name, text in fields if text is not None}))
        return records
