"""One file by several connections: the one that began it, and others that take over what it hasn't reached yet.

What is on the disk is a set of spans then, and no beginning. So before the first byte is written elsewhere the record
says so, in words of which an older version makes "start over"; each later statement is made after fsync, so that it is
true after a power cut too. A further connection is trusted only when it was answered with exactly the bytes, of exactly
the version, that were asked for: at any doubt the file stays with the connections that it has.
"""

import asyncio
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, replace

import aiohttp
from multidict import MultiMapping

from workers.disk.part_file import PartFile, lengthen, size_of, sync_file
from workers.disk.threads import in_thread
from workers.errors import DownloadFailed, IncompleteBody
from workers.http.address_filter import AddressRefused
from workers.http.body import Body
from workers.http.byte_ranges import Span, Spans, length, merge_ranges, missing_ranges
from workers.http.response import RemoteFile, matches_range, wrong_status
from workers.http.retry_policy import is_transient
from workers.transfer.order import Transfer

MIN_SPLIT_BYTES = 16 * 1024 * 1024
MIN_SEGMENT_BYTES = 1024 * 1024
INITIAL_DELAY_S = 0.25
POLL_INTERVAL_S = 0.1
MIN_REMAINING_S = 1.0  # a file that will take no longer is left to the connections it has
CHECKPOINT_INTERVAL_S = 2.0


class _Changed(Exception):
    """What is there can't be completed: the server has another version, or gives no parts of it any more."""


@dataclass(slots=True, eq=False)
class Segment:
    """[start, end) of the file, by one connection; `at`: received so far. `asked`: `end`, before others took of it."""

    start: int
    at: int
    end: int
    asked: int
    file: PartFile


def _refusal(status: int, headers: MultiMapping[str]) -> Exception:
    """A server that is busy may answer better later; one that answers otherwise has changed its mind or its file."""
    return wrong_status(status, headers) if status >= 400 and status != 416 else _Changed()


class SegmentedDownload:
    """Receives the file that `source` describes, which must have an ETag and a total."""

    def __init__(self, order: Transfer, source: RemoteFile) -> None:
        if source.total is None:
            raise ValueError("a file of unknown size can't be split")
        self._order = order
        self._source = source
        self._total = source.total
        self._done: Spans = source.done or ()
        self._is_split = source.done is not None
        self._pieces: list[Segment] = []
        self._most = order.terms.connections
        self._failure: Exception | None = None
        self._look = asyncio.Event()
        self._over = asyncio.Event()
        self._began_s = order.terms.clock()
        self._had = length(self._done)

    async def begin(self, body: Body, file: PartFile, start: int, stack: AsyncExitStack) -> int | None:
        """As fetch._receive: `body` brings what follows `start`. `stack` closes `file`."""
        self._done = merge_ranges([(0, start)])
        self._had = start
        piece = Segment(start, start, self._total, self._total, file)
        self._pieces.append(piece)
        return await self._run((piece, body, stack))

    async def resume(self) -> int | None:
        """Goes on with what `source.done` says is there; None where that can't be."""
        have = await in_thread(size_of, self._order.part)
        if not self._done or have < self._done[-1][1]:
            return None
        if not missing_ranges(
            self._done, self._total
        ):  # the last byte is asked for, so that the server confirms the ETag
            *before, (start, end) = self._done
            self._done = merge_ranges([*before, (start, end - 1)])
        await in_thread(lengthen, self._order.part, self._total)
        self._order.on_bytes(self._received(), self._total)
        return await self._run(None)

    async def _run(self, first: tuple[Segment, Body, AsyncExitStack] | None) -> int | None:
        try:
            async with asyncio.TaskGroup() as group:
                if first is not None:
                    group.create_task(self._receive(*first))
                group.create_task(self._watch())
                group.create_task(self._add_connections(group))
        except BaseExceptionGroup as several:
            if any(isinstance(error, _Changed) for error in several.exceptions):
                return None
            raise several.exceptions[0] from None
        finally:
            broken = await self._leave()
        if broken is not None:
            raise broken
        if self._received() == self._total:
            return self._total
        raise self._failure or IncompleteBody(self._received(), self._total)

    async def _leave(self) -> OSError | None:
        """States for the last time what is there; why it can't, where the disk fails: then what was stated holds."""
        if not self._is_split:
            return None
        try:
            await in_thread(sync_file, self._order.part)
        except OSError as error:
            return error
        self._order.terms.on_left(self._stated())
        return None

    async def _add_connections(self, group: asyncio.TaskGroup) -> None:
        """Opens connections one after another, while there is something for them, until the file has ended."""
        if self._pieces:
            await self._wait(INITIAL_DELAY_S)
        while self._pieces or (self._received() < self._total and self._failure is None):
            span, victim = self._next()
            if span is None or len(self._pieces) >= self._most or not await self._open(group, span, victim):
                await self._wait(POLL_INTERVAL_S)
        self._over.set()

    async def _wait(self, seconds: float) -> None:
        """Until a connection has ended, or the time."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._look.wait()
        self._look.clear()

    def _next(self) -> tuple[Span | None, Segment | None]:
        """What the next connection is to bring, and of which piece it takes it; None where it belongs to none."""
        owned = merge_ranges([*self._done, *((piece.start, piece.end) for piece in self._pieces)])
        free = missing_ranges(owned, self._total)
        if free:
            return free[0], None
        victim = max(self._pieces, key=lambda piece: piece.end - piece.at)
        left = victim.end - victim.at
        if left < 2 * MIN_SEGMENT_BYTES or not self._is_worth_more():
            return None, None
        return (victim.at + left // 2, victim.end), victim

    def _is_worth_more(self) -> bool:
        received, limits = self._received(), [pace.bytes_per_s for pace in self._order.terms.paces if pace.bytes_per_s]
        speed = (received - self._had) / max(self._order.terms.clock() - self._began_s, 0.001)
        slowed_by_us = any(speed > limit / 2 for limit in limits)
        return speed > 0 and not slowed_by_us and self._total - received > MIN_REMAINING_S * speed

    async def _open(self, group: asyncio.TaskGroup, span: Span, victim: Segment | None) -> bool:
        """Whether one more connection brings `span` now."""
        terms, (start, end) = self._order.terms, span
        async with AsyncExitStack() as stack:
            if self._pieces:  # the first one is the download's own
                if not terms.hosts.take(terms.site):
                    return False
                stack.callback(terms.hosts.release, terms.site)
            try:
                asked = {"Range": f"bytes={start}-{end - 1}", "If-Range": self._source.etag or ""}
                asking = terms.asking.open(self._order.session, self._order.url, asked)
                response = await stack.enter_async_context(asking)
                if not matches_range(span, response.status, response.headers, self._source):
                    raise _refusal(response.status, response.headers)
            except (DownloadFailed, aiohttp.ClientError, AddressRefused, _Changed) as error:
                self._refused(error, victim)
                return False
            if not self._is_split:
                self._is_split = True
                await self._checkpoint()
                await in_thread(lengthen, self._order.part, self._total)
            if victim is not None:
                if victim.at >= start or victim.end != end or victim not in self._pieces:
                    return False
                victim.end = start
            file = await stack.enter_async_context(PartFile(self._order.part, start, within=True))
            piece = Segment(start, start, end, end, file)
            self._pieces.append(piece)
            body = terms.body(response, self._order.session.timeout.sock_read)
            group.create_task(self._receive(piece, body, stack.pop_all()))
        return True

    def _refused(self, error: Exception, victim: Segment | None) -> None:
        """No more connections. Raises `error` where nobody brings what this one was to bring, unless it may pass."""
        self._most = len(self._pieces)
        if victim is None:
            if not is_transient(error):
                raise error
            self._failure = error

    async def _receive(self, piece: Segment, body: Body, stack: AsyncExitStack) -> None:
        try:
            async with stack:
                while piece.at < piece.end:
                    chunk = await body.read()
                    if not chunk:
                        raise IncompleteBody(self._received(), self._total) from body.failure
                    left = piece.end - piece.at
                    if len(chunk) > left and piece.end == piece.asked:
                        raise _Changed
                    piece.at += min(len(chunk), left)  # before it is written: nobody else may be given these bytes
                    await piece.file.write(chunk[:left])
                    self._order.on_bytes(self._received(), self._total)
        except (DownloadFailed, aiohttp.ClientError) as error:
            if not is_transient(error):
                raise
            self._failure = error
            self._most -= 1  # who drops connections gets fewer of them
        finally:
            self._pieces.remove(piece)
            self._done = merge_ranges([*self._done, (piece.start, piece.file.written)])
            self._look.set()

    async def _watch(self) -> None:
        """Looks at the disk, and states what is there, until the file has ended."""
        while not self._over.is_set():
            with suppress(TimeoutError):
                async with asyncio.timeout(CHECKPOINT_INTERVAL_S):
                    await self._over.wait()
                    return
            await self._order.check_room(self._received(), self._total)
            if self._is_split:
                await self._checkpoint()

    async def _checkpoint(self) -> None:
        stated = self._stated()
        await in_thread(sync_file, self._order.part)
        await self._order.on_source(stated)

    def _stated(self) -> RemoteFile:
        written = merge_ranges([*self._done, *((piece.start, piece.file.written) for piece in self._pieces)])
        return replace(self._source, done=written)

    def _received(self) -> int:
        return length(self._done) + sum(piece.at - piece.start for piece in self._pieces)
