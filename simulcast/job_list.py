"""Lists of downloads and of other jobs. A page in an order of the index is read alone; others are of so many jobs.

A crowd shares the readings.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Final, Generic, NamedTuple, TypeVar, cast

import redis.asyncio
from pydantic import BaseModel

from simulcast.errors import BrokerUnavailable
from simulcast.job_index import read_index
from simulcast.model.job_page import Cursor, JobPage, Selection, parse_number
from simulcast.shared_reading import SharedReading
from simulcast.store import functions
from simulcast.store.functions import Argument
from simulcast.store.topology import Topology

MAX_SORTED: Final = 1000  # jobs that a page in another order is made of
_PAGE = 25  # jobs of one call, for which an event in Redis waits
_PARSED_PER_TURN = 10  # records, of the event loop
_Record = TypeVar("_Record", bound=BaseModel)
_Row = Sequence[bytes | None]  # the time of a job in its order, and the fields that were asked for


class _Reading(NamedTuple):
    """One reply. `last`: where the next page begins, None for none. `is_cut`: some jobs were not looked at."""

    total: int
    last: Cursor | None
    is_cut: bool
    rows: list[_Row]


class JobList(Generic[_Record]):
    """The jobs of one channel whose functions get `keys`.

    `id_field`: of their records. `parse`: of `fields` of a record; raises BrokerUnavailable for one that is not
    readable, which is left out.
    """

    def __init__(
        self,
        servers: Topology,
        channel: str,
        keys: Sequence[str],
        id_field: str,
        fields: Sequence[str],
        parse: Callable[[Mapping[str, str]], _Record],
    ) -> None:
        self._servers = servers
        self._names = servers.names(channel)
        self._keys = keys
        self._id_field = id_field
        self._fields = fields
        self._parse = parse
        self._pages: SharedReading[Selection, JobPage[_Record]] = SharedReading(self._read_page)

    async def page(self, selection: Selection) -> JobPage[_Record]:
        """Return one page of records. Raises BrokerUnavailable."""
        return await self._pages.get(selection)

    async def _read_page(self, selection: Selection) -> JobPage[_Record]:
        if selection.sort_field:
            return await self._sort(selection)
        # In Redis an offset counts the jobs that are looked at, not those that match.
        skipped = selection.offset if selection.is_search and selection.cursor is None else 0
        whole = replace(selection, offset=0, limit=selection.limit + skipped) if skipped else selection
        reading = await self._read_all(whole, (self._id_field, *self._fields))
        records: list[_Record] = []
        cursors: list[Cursor] = []
        async for row, record in self._parse_rows(reading.rows[skipped:], first=2):
            records.append(record)
            cursors.append(_cursor(row[0], row[1]))
        return JobPage(records, reading.total, cursors, reading.last, not reading.is_cut)

    async def _sort(self, selection: Selection) -> JobPage[_Record]:
        newest = replace(selection, descending=True, offset=0, cursor=None, limit=MAX_SORTED)
        reading = await self._read_all(newest, (self._id_field, selection.sort_field))
        rows = sorted(reading.rows, key=_sort_key(selection.sort_field), reverse=selection.descending)
        first = selection.offset if selection.cursor is None else int(selection.cursor.number)
        ids = [row[1] or b"" for row in rows[first : first + selection.limit]]
        found = await self._servers.read(self._names.channel, "list the jobs", lambda client: self._by_id(client, ids))
        records = [record async for _, record in self._parse_rows(found)]
        cursors = [Cursor(first + n + 1) for n in range(len(records))]
        end = first + len(ids)
        is_all = reading.total <= MAX_SORTED and not reading.is_cut
        return JobPage(records, reading.total, cursors, Cursor(end) if end < len(rows) else None, is_all)

    async def _by_id(self, client: redis.asyncio.Redis, ids: Sequence[bytes]) -> list[_Row]:
        args: list[Argument] = [self._names.pubsub, len(ids), *ids, *self._fields]
        return cast(list[_Row], await functions.call(client, "read_jobs", self._keys, args))

    async def _parse_rows(self, rows: Sequence[_Row], first: int = 0) -> AsyncIterator[tuple[_Row, _Record]]:
        """Yield each row with its record, whose fields begin at `first`, but for those that are not readable.

        An event waits for a few of them at most.
        """
        for number, row in enumerate(rows, 1):
            fields = zip(self._fields, row[first:], strict=True)
            with suppress(BrokerUnavailable):  # one must not hide the others, and may have been deleted meanwhile
                texts = {name: text.decode("utf-8", "replace") for name, text in fields if text is not None}
                yield row, self._parse(texts)
            if number % _PARSED_PER_TURN == 0:
                await asyncio.sleep(0)

    async def _read_all(self, selection: Selection, fields: Sequence[str]) -> _Reading:
        """Return so many jobs as were asked for, in calls that Redis carries out between others."""
        rows: list[_Row] = []
        while True:
            rest = selection.limit - len(rows)
            reading = await self._read(
                replace(selection, limit=rest if selection.is_search else min(_PAGE, rest)), fields
            )
            rows += reading.rows
            if reading.last is None or reading.is_cut or len(rows) >= selection.limit:
                return reading._replace(rows=rows)
            selection = replace(selection, cursor=reading.last)

    async def _read(self, selection: Selection, fields: Sequence[str]) -> _Reading:
        owner = selection.owner.encode(errors="replace")
        args: list[Argument] = [self._names.pubsub, " ".join(selection.states), owner, selection.order]
        args += [-1 if selection.descending else 1, selection.offset]
        args += [str(selection.cursor.number), selection.cursor.job_id] if selection.cursor else ["", ""]
        args += [selection.limit, len(selection.needles), *selection.needles, *fields]

        reply = await read_index(self._servers, self._names, "list_jobs", self._keys, args)
        total, at, job_id, is_more, is_cut, rows = cast(tuple[int, bytes, bytes, bytes, bytes, list[_Row]], reply)
        return _Reading(total, _cursor(at, job_id) if is_more else None, bool(is_cut), rows)


def _cursor(at: bytes | None, job_id: bytes | None) -> Cursor:
    return Cursor(parse_number((at or b"0").decode()), (job_id or b"").decode("utf-8", "replace"))


def _sort_key(field: str) -> Callable[[_Row], tuple[float | bytes, bytes]]:
    """Return the key of a row: its text, or its number, which is the smallest where it is unknown."""

    def key(row: _Row) -> tuple[float | bytes, bytes]:
        _, job_id, value = row
        if field == "name":
            return value or b"", job_id or b""
        return -1.0 if value is None or value == b"null" else float(value), job_id or b""

    return key
