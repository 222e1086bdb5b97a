"""A part file being written: bytes in order, at most one write in flight, in a thread.

Bound: BUFFER_BYTES (and what one read brought on top) are gathered while as many are being written; then
`write` waits for the disk, and TCP makes the server wait.

A stale owner may still have the file open that its successor adopted by rename. So bytes are written at
their own offset, never appended: both write the same ones. And starting over makes a new file under the old
name instead of truncating one that a stale owner still writes, or that is published under its name already.
"""

import asyncio
import os
import stat
from pathlib import Path
from types import TracebackType
from typing import Self

from workers.disk.checksum import Digest
from workers.disk.threads import wait_uncancelled
from workers.errors import PartFileChanged

BUFFER_BYTES = 1024 * 1024


def size_of(path: Path) -> int:
    """Bytes in the part file; 0 if there is none, or what is there is no regular file."""
    try:
        found = path.lstat()
    except FileNotFoundError:
        return 0
    return found.st_size if stat.S_ISREG(found.st_mode) else 0


class PartFile:
    """`async with PartFile(path, start)`: opened to write from `start` on; 0 makes it anew, and empty.

    Left without an error, all bytes are on the disk (fsync). Left with one, or by cancellation, the write in
    flight has ended and what was gathered is written, without fsync, so that handing over is quick. Either
    way the file is closed. After a failed write nothing more is written: the file stays a true beginning.
    Raises OSError, and PartFileChanged when opened if it holds fewer bytes than `start`. `digest` follows what is
    written. `within`: others write into the file too, so it is never made anew, and fsync is left to the caller.
    """

    def __init__(self, path: Path, start: int, digest: Digest | None = None, *, within: bool = False) -> None:
        self._path = path
        self._at = start
        self._digest = digest
        self._within = within
        self.written = start  # every byte from `start` to here has reached the file
        self._file = -1
        self._gathered = bytearray()
        self._flight: asyncio.Future[None] | None = None

    async def __aenter__(self) -> Self:
        opening = asyncio.get_running_loop().run_in_executor(
            None, _open, self._path, self._at, not self._at and not self._within
        )
        cancelled = await wait_uncancelled(opening)
        if cancelled is not None:
            if opening.exception() is None:
                os.close(opening.result())
            raise cancelled
        self._file = opening.result()
        return self

    async def write(self, chunk: bytes) -> None:
        self._gathered += chunk
        if len(self._gathered) < BUFFER_BYTES:
            return
        if self._flight is not None:
            await asyncio.wait([self._flight])
            self._flight.result()
        block, self._gathered = self._gathered, bytearray()
        loop = asyncio.get_running_loop()
        self._flight = loop.run_in_executor(None, self._write_all, block, self._at)
        self._at += len(block)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        cancelled = failed = None
        if self._flight is not None:
            cancelled = await wait_uncancelled(self._flight)
            failed = self._flight.exception()
        # Beyond a failed write the next one would leave a hole.
        rest = bytearray() if failed is not None else self._gathered
        durable = error is None and failed is None and not self._within
        loop = asyncio.get_running_loop()
        closing = loop.run_in_executor(None, self._close, rest, self._at, durable)
        cancelled = await wait_uncancelled(closing) or cancelled
        failed = failed or closing.exception()
        if cancelled is not None:
            raise cancelled
        if error is None and failed is not None:
            raise failed

    def _write_all(self, block: bytearray, at: int) -> None:
        rest = memoryview(block)
        while rest:
            written = os.pwrite(self._file, rest, at)
            at += written
            self.written = at
            rest = rest[written:]
        if self._digest is not None:
            self._digest.follow(block, at - len(block))

    def _close(self, rest: bytearray, at: int, durable: bool) -> None:
        try:
            self._write_all(rest, at)
            if durable:
                os.fsync(self._file)
        finally:
            os.close(self._file)


def _open(path: Path, start: int, anew: bool) -> int:
    flags = os.O_WRONLY | os.O_CLOEXEC | os.O_NOFOLLOW
    if not anew:
        file = os.open(path, flags)
        found = os.fstat(file)
        if stat.S_ISREG(found.st_mode) and found.st_size >= start:
            return file
        os.close(file)
        raise PartFileChanged(path)
    try:
        path.unlink()
    except FileNotFoundError:
        return os.open(path, flags | os.O_CREAT | os.O_EXCL, 0o666)
    file = os.open(path, flags | os.O_CREAT | os.O_EXCL, 0o666)
    # The old bytes must not come back after a power cut, when the job's record already has the new ETag.
    sync_folder(path.parent)
    return file


def lengthen(path: Path, size: int) -> None:
    """Gives the file `size` bytes; what it lacks is a hole. Never shortens it."""
    if size_of(path) < size:
        os.truncate(path, size)


def sync_file(path: Path) -> None:
    """Returns when all that was written to the file, by whomever, is on the disk."""
    opened = os.open(path, os.O_WRONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def sync_folder(folder: Path) -> None:
    """Makes names that were made, changed or removed in `folder` survive a power cut."""
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
