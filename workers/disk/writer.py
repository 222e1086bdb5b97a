"""Bytes on their way into a part file: gathered, and written in order by one write after another.

Bound: BUFFER_BYTES are gathered while as many are being written; then `write` waits for the disk, and TCP makes the
server wait. A byte is gathered for FLUSH_INTERVAL_S at most.
"""

import asyncio
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Self

from workers.disk.checksum import Digest
from workers.disk.part_file import PartFile
from workers.disk.threads import in_thread

BUFFER_BYTES = 1024 * 1024
FLUSH_INTERVAL_S = 0.2


class Writer:
    """Writes from `start` on. `written`: every byte from `start` to there has reached the file.

    `on_written` is called in the loop when it has moved; `prepare` is awaited before the first write, unless all comes
    before that. Left without an error, everything is in the file. Left with one, everything that came is, too; by
    cancellation, nothing is begun. After a failed write nothing more is written, so that there is no hole. `digest`
    follows the writes. Raises OSError and the errors of `prepare`.
    """

    def __init__(
        self,
        file: PartFile,
        start: int,
        on_written: Callable[[], None],
        digest: Digest | None = None,
        prepare: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self.written = start
        self._file = file
        self._at = start
        self._on_written = on_written
        self._digest = digest
        self._prepare = prepare
        self._gathered: list[bytes] = []
        self._size = 0
        self._flight: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None

    async def __aenter__(self) -> Self:
        return self

    async def write(self, chunks: list[bytes]) -> None:
        """Gather `chunks`; return when there is room for more."""
        self._gathered += chunks
        self._size += sum(map(len, chunks))
        if self._size >= BUFFER_BYTES:
            if (flight := self._flight) is not None:
                await asyncio.wait([flight])
                flight.result()
            self._start_write()
        elif self._timer is None and self._gathered:
            self._timer = asyncio.get_running_loop().call_later(FLUSH_INTERVAL_S, self._on_timer)

    async def finish(self) -> None:
        """Write the rest of a file of which everything has come."""
        self._prepare = None if self._flight is None else self._prepare
        await self._flush()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if kind is not None and issubclass(kind, asyncio.CancelledError):
            self._cancel_preparation()
        try:
            await self._flush()
        except Exception:
            if error is None:
                raise

    async def _flush(self) -> None:
        """Return when all that was gathered is in the file; a cancellation comes out then."""
        cancelled = None
        while self._flight is not None or self._gathered:
            flight = self._flight or self._start_write()
            try:
                await asyncio.wait([flight])
            except asyncio.CancelledError as late:
                cancelled = late
                self._cancel_preparation()
                continue
            self._land(flight)
            if flight.cancelled() or flight.exception() is not None:
                self._gathered = []
                break
        if cancelled is not None:
            raise cancelled
        if self._flight is not None:
            self._flight.result()

    def _cancel_preparation(self) -> None:
        if self._prepare is not None:
            self._gathered = []
            if self._flight is not None:
                self._flight.cancel()

    def _on_timer(self) -> None:
        self._timer = None
        if self._flight is None and self._gathered:
            self._start_write()

    def _start_write(self) -> "asyncio.Task[None]":
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        chunks, self._gathered, self._size = self._gathered, [], 0
        self._flight = asyncio.create_task(self._write(chunks), name="write")
        self._flight.add_done_callback(self._land)
        return self._flight

    async def _write(self, chunks: list[bytes]) -> None:
        if self._prepare is not None:
            await self._prepare()
            self._prepare = None
        self._at = await in_thread(self._write_blocking, chunks, self._at)

    def _land(self, flight: "asyncio.Task[None]") -> None:
        if flight is not self._flight or flight.cancelled() or flight.exception() is not None:
            return  # a failure stays, for `write` and `_flush` to raise
        self._flight = None
        self.written = self._at
        self._on_written()
        if self._gathered and self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(FLUSH_INTERVAL_S, self._on_timer)

    def _write_blocking(self, chunks: list[bytes], at: int) -> int:
        end = self._file.write(chunks, at)
        if self._digest is not None:
            for chunk in chunks:
                self._digest.follow(chunk, at)
                at += len(chunk)
        return end
