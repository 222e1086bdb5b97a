"""One file by several connections: the one that began it, and others that take over parts it hasn't reached yet.

The bytes on the disk are a set of ranges then, and no beginning. So before the first byte is written elsewhere the
record states that, in words of which an older version makes "start over"; each later statement is made after fsync, so
that it is true after a power cut too. A further connection is trusted only when its response has exactly the bytes, of
exactly the version, that were asked for: at any doubt the file stays with the connections that it has.
"""

import asyncio
from contextlib import suppress
from dataclasses import replace

from workers.disk.part_file import PartFile
from workers.disk.threads import in_thread
from workers.disk.writer import Writer
from workers.errors import DownloadFailed, IncompleteBody
from workers.http.body import Body
from workers.http.byte_ranges import Spans, length, merge_ranges, missing_ranges
from workers.http.exchange import Response
from workers.http.response import RemoteFile, make_conditions, matches_range, refuses_parts, wrong_status
from workers.transfer import segments
from workers.transfer.fetch_options import FetchOptions
from workers.transfer.limits import WorkerLimits
from workers.transfer.segments import Opening, Segment

MIN_SPLIT_BYTES = 16 * 1024 * 1024
INITIAL_DELAY_S = 0.1
POLL_INTERVAL_S = 0.1
CHECKPOINT_INTERVAL_S = 2.0
LATE_OPENING_S = 2.0


class _Changed(DownloadFailed):
    """The file can't be completed: the server has another version, or gives no parts of it any more."""


class SegmentedDownload:
    """Receives the file that `source` describes, which must have a validator and a total, into `file`."""

    def __init__(self, options: FetchOptions, limits: WorkerLimits, source: RemoteFile, file: PartFile) -> None:
        if source.total is None:
            raise ValueError("a file of unknown size can't be split")
        self._options = options
        self._limits = limits
        self._source = source
        self._total = source.total
        self._file = file
        self._done: Spans = source.done or ()
        self._is_split = source.done is not None
        self._splitting = asyncio.Lock()
        self._segments: list[Segment] = []
        self._openings: list[Opening] = []
        self._connections: set[asyncio.Task[None]] = set()
        self._max_connections = limits.connections
        self._has_finished = False  # a connection has brought all of its part
        self._failure: DownloadFailed | None = None  # of the newest connection, while none has finished since
        self._wake = asyncio.Event()

    async def begin(self, body: Body, start: int) -> int | None:
        """Receive the bytes from `start` on, by `body` and other connections. As fetch._receive."""
        self._done = merge_ranges([(0, start)])
        return await self._run(self._new_segment(start, self._total), body)

    async def resume(self) -> int | None:
        """Receive the bytes that `source.done` lacks; None where that can't be."""
        if not missing_ranges(self._done, self._total):
            # The last byte is asked for, so that the server confirms the validator.
            *before, (start, end) = self._done
            self._done = merge_ranges([*before, (start, end - 1)])
        await in_thread(self._file.lengthen, self._total)
        self._report()
        return await self._run()

    async def _run(self, first: Segment | None = None, body: Body | None = None) -> int | None:
        try:
            async with asyncio.TaskGroup() as group:
                watching = group.create_task(self._watch(), name="watch")
                if first is not None and body is not None:
                    self._start(group.create_task(self._receive(first, body), name="segment"))
                    await self._wait(INITIAL_DELAY_S)
                while self._is_unfinished():
                    while self._open_next(group):
                        continue
                    await self._wait(POLL_INTERVAL_S)
                for task in (watching, *self._connections):
                    task.cancel()
        except BaseExceptionGroup as errors:
            raise errors.exceptions[0] from None
        finally:
            broken = await self._leave()
        if broken is not None:
            raise broken
        if self._written() == self._total:
            return self._total
        if isinstance(self._failure, _Changed):
            return None
        raise self._failure or IncompleteBody(self._written(), self._total)

    def _is_unfinished(self) -> bool:
        if self._written() == self._total:
            return False
        return bool(self._segments or self._openings) or self._failure is None

    def _start(self, task: "asyncio.Task[None]") -> None:
        self._connections.add(task)
        task.add_done_callback(self._connections.discard)

    def _new_segment(self, start: int, end: int) -> Segment:
        segment = Segment(start, start, end, end, Writer(self._file, start, self._report))
        segment.sample(self._limits.clock())
        self._segments.append(segment)
        return segment

    async def _leave(self) -> OSError | None:
        """State for the last time which bytes are there; returns the disk's error: then the last statement holds."""
        if not self._is_split:
            return None
        try:
            await in_thread(self._file.sync)
        except OSError as error:
            return error
        except asyncio.CancelledError:
            self._options.on_left(self._state())  # the disk's thread has ended all the same
            raise
        self._options.on_left(self._state())
        return None

    async def _wait(self, seconds: float) -> None:
        """Wait until a connection has ended, or that long."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._wake.wait()
        self._wake.clear()

    def _open_next(self, group: asyncio.TaskGroup) -> bool:
        """Open one more connection, if there is something for it and the server may have it."""
        now_s = self._limits.clock()
        for segment in self._segments:
            segment.sample(now_s)
        # Bytes that a response is awaited for too long are not its own any more.
        fresh = [opening for opening in self._openings if now_s - opening.began_s < LATE_OPENING_S]
        segments.reclaim(self._total, self._done, self._segments, fresh)
        active = len(self._segments) + len(self._openings)
        if active >= self._max_connections or len(self._openings) > len(self._segments):
            return False
        min_remaining_s = segments.MIN_IDLE_REMAINING_S if self._has_finished else segments.MIN_REMAINING_S
        opening = segments.plan_next(self._total, self._done, self._segments, fresh, min_remaining_s)
        if opening is None or (opening.victim is not None and self._is_slowed_by_limits()):
            return False
        hosts, site = self._limits.hosts, self._options.site
        if active and not hosts.take(site):  # the first one is the download's own
            return False
        opening.began_s = now_s
        self._openings.append(opening)
        task = group.create_task(self._connect(opening), name="connection")
        if active:
            task.add_done_callback(lambda _: hosts.release(site))
        self._start(task)
        return True

    def _is_slowed_by_limits(self) -> bool:
        paces = [self._limits.pace] if self._options.pace is None else [self._limits.pace, self._options.pace]
        rates = [pace.bytes_per_s for pace in paces if pace.bytes_per_s]
        speed = sum(segment.rate for segment in self._segments)
        return any(speed > rate / 2 for rate in rates)

    async def _connect(self, opening: Opening) -> None:
        try:
            start, end = opening.span
            conditions = make_conditions(self._source.validator)
            async with self._options.request.send(conditions, f"{start}-{end - 1}") as response:
                segment = await self._accept(opening, response)
                self._openings.remove(opening)
                self._wake.set()
                if segment is not None:
                    await self._receive(segment, self._limits.body(response, self._options.pace))
        except DownloadFailed as error:
            if self._failure is None or not isinstance(error, _Changed):  # the end of one that worked is the reason
                self._failure = error
            self._max_connections = max(1, len(self._segments))
        finally:
            if opening in self._openings:
                self._openings.remove(opening)
            self._wake.set()

    async def _accept(self, opening: Opening, response: Response) -> Segment | None:
        """Return the segment that the response brings; None where others have brought it meanwhile."""
        if not matches_range(opening.span, response.status, response.headers, self._source):
            is_refusal = response.status >= 400 and not refuses_parts(response.status)
            raise wrong_status(response.status, response.headers) if is_refusal else _Changed("another version")
        async with self._splitting:
            if not self._is_split:
                self._is_split = True
                await self._checkpoint()
                await in_thread(self._file.lengthen, self._total)
        return self._new_segment(*opening.span) if segments.claim(opening, self._done, self._segments) else None

    async def _receive(self, segment: Segment, body: Body) -> None:
        try:
            async with segment.writer as writer:
                while segment.at < segment.end:
                    block = await body.read(segment.end - segment.at)
                    if not block:
                        raise IncompleteBody(self._written(), self._total) from body.failure
                    left, size = segment.end - segment.at, len(block)
                    if size > left and segment.end == segment.asked:
                        raise _Changed("the server sent more than it had announced")
                    segment.at += min(size, left)  # before it is written: no other may be given these bytes
                    await writer.write(block.take(left))
            self._has_finished, self._failure = True, None
        except DownloadFailed as error:
            self._failure = error
            self._max_connections = max(1, self._max_connections - 1)  # a server that drops them gets fewer
        finally:
            body.close()
            self._segments.remove(segment)
            self._done = merge_ranges([*self._done, (segment.start, segment.writer.written)])
            self._wake.set()

    async def _watch(self) -> None:
        """Check the disk, and state which bytes are there, until the file has ended."""
        while True:
            await asyncio.sleep(CHECKPOINT_INTERVAL_S)
            self._limits.room.check_size(self._written(), self._total)
            await self._limits.room.reserve(self._options.part, self._total - self._written())
            if self._is_split:
                await self._checkpoint()

    async def _checkpoint(self) -> None:
        state = self._state()
        await in_thread(self._file.sync)
        await self._options.on_source(state)

    def _state(self) -> RemoteFile:
        return replace(self._source, done=self._ranges()) if self._is_split else self._source

    def _ranges(self) -> Spans:
        return merge_ranges([*self._done, *((segment.start, segment.writer.written) for segment in self._segments)])

    def _written(self) -> int:
        return length(self._ranges())

    def _report(self) -> None:
        written = self._written()
        self._limits.room.reduce(self._options.part, self._total - written)
        self._options.on_bytes(written, self._total)
        if written == self._total:
            self._wake.set()
