"""Blocks on their way into a part file: one is written in a thread of the disk while the next one comes.

Bound: `write` waits for the block before, and TCP makes the server wait.
"""

import asyncio
from collections.abc import Callable
from types import TracebackType
from typing import Self

from workers.block import Block
from workers.disk.checksum import Digest
from workers.disk.part_file import PartFile
from workers.disk.threads import start_in_thread, wait_uncancelled


class Writer:
    """Writes from `start` on. `written`: every byte from `start` to there has reached the file.

    `on_written` is called in the loop when it has moved. Left without an error, everything is in the file; left with
    one or by a cancellation, too, unless the disk failed. After a failed write nothing more is written, so that there
    is no hole. `digest` follows the writes. Raises OSError.
    """

    def __init__(
        self, file: PartFile, start: int, on_written: Callable[[], None], digest: Digest | None = None
    ) -> None:
        self.written = start
        self._file = file
        self._on_written = on_written
        self._digest = digest
        self._flight: asyncio.Future[int] | None = None

    async def __aenter__(self) -> Self:
        return self

    async def write(self, block: Block) -> None:
        """Begin to write `block`, which must not change any more, when the one before is written."""
        if self._flight is not None:
            await asyncio.wait([self._flight])
            self.written = self._flight.result()
        self._flight = start_in_thread(self._write, block, self.written)
        self._flight.add_done_callback(self._land)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._flight is None:
            return
        cancelled = await wait_uncancelled(self._flight)
        self._land(self._flight)
        if cancelled is not None:
            raise cancelled
        if error is None:
            self._flight.result()

    def _land(self, flight: asyncio.Future[int]) -> None:
        if flight.exception() is None:
            self.written = flight.result()
            self._on_written()

    def _write(self, block: Block, at: int) -> int:
        end = self._file.write(block, at)
        if self._digest is not None:
            for piece in block.pieces:
                self._digest.follow(piece, at)
                at += len(piece)
        return end
