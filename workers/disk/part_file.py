"""A part file being written: blocks at their own offsets, in the disk's threads.

A stale owner may still have the file open that its successor adopts. So it is adopted as a copy then, and by rename
where no owner has it open. Where locks are missing, both write the same bytes, since each is written at its own offset.
Starting over makes a new file under the old name instead of
truncating one that a stale owner still writes, or that is published under its name already.
"""

import fcntl
import os
import shutil
import stat
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from workers.block import Block
from workers.disk.disk_space import free_bytes
from workers.disk.identity import FileIdentity
from workers.disk.threads import start_in_thread, wait_uncancelled
from workers.errors import PartFileChanged

# Larger writes take large folios of the page cache, which the host of a virtual machine may have to provide anew: a GiB
# cost 0.8 s more then. Elsewhere there is no difference.
_WRITE_BYTES = 128 * 1024


def size_of(path: Path) -> int:
    """Return the bytes in the part file; 0 if there is none, or something else than a regular file."""
    try:
        status = path.lstat()
    except FileNotFoundError:
        return 0
    return status.st_size if stat.S_ISREG(status.st_mode) else 0


class PartFile:
    """`async with PartFile(path, start)`: open while it is written from `start` on; 0 makes it again, and empty.

    `free_bytes`: what was free on its disk then. Raises OSError, and PartFileChanged where the file holds fewer bytes
    than `start`, or than were written. The methods block, and are called in the disk's threads; the file is closed when
    they have ended.
    """

    def __init__(self, path: Path, start: int) -> None:
        self.path = path
        self.free_bytes = 0
        self._start = start
        self._size = start  # that it has, unless someone else cut it
        self._file = -1

    async def __aenter__(self) -> Self:
        opening = start_in_thread(_open, self.path, self._start)
        cancelled = await wait_uncancelled(opening)
        if cancelled is not None:
            if opening.exception() is None:
                os.close(opening.result()[0])
            raise cancelled
        self._file, self.free_bytes = opening.result()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        file, self._file = self._file, -1
        os.close(file)

    def write(self, block: Block, at: int) -> int:
        """Write `block` at `at`, in full, and return where it ends."""
        self._check_size()  # a write beyond the end would leave a hole
        pieces: list[bytes | memoryview] = []
        size = 0
        for piece in block.pieces:
            pieces.append(piece)
            size += len(piece)
            if size >= _WRITE_BYTES:
                at, pieces, size = self._write(pieces, at), [], 0
        end = self._write(pieces, at)
        self._size = max(self._size, end)
        return end

    def _check_size(self) -> None:
        if os.fstat(self._file).st_size < self._size:
            raise PartFileChanged(self.path)

    def _write(self, pieces: list[bytes | memoryview], at: int) -> int:
        while pieces:
            written = os.pwritev(self._file, pieces, at)
            at += written
            while pieces and written >= len(pieces[0]):
                written -= len(pieces.pop(0))
            if written:  # a part of this one
                pieces[0] = memoryview(pieces[0])[written:]
        return at

    def read(self, size: int, at: int) -> bytes:
        """Return at most `size` bytes from `at` on; fewer at the end of the file."""
        return os.pread(self._file, size, at)

    def lengthen(self, size: int) -> None:
        """Give the file `size` bytes; the added ones are a hole. Never shortens it."""
        if os.fstat(self._file).st_size < size:
            os.ftruncate(self._file, size)
        self._size = max(self._size, size)

    def sync(self) -> None:
        """Return when all that was written is on the disk."""
        os.fsync(self._file)

    def finish(self, modified_s: float | None, last: Block | None = None, at: int = 0) -> FileIdentity:
        """Write the `last` block, set the file's time, sync it, and return by what it is known from now on."""
        if last:
            self.write(last, at)
        self._check_size()
        if modified_s is not None:
            with suppress(OSError, OverflowError):  # the file is complete, whatever times its file system takes
                os.utime(self._file, (modified_s, modified_s))
        os.fsync(self._file)
        return FileIdentity.of_descriptor(self._file)


def _open(path: Path, start: int) -> tuple[int, int]:
    file = _open_unlocked(path, start)
    _lock(file, fcntl.LOCK_SH)
    try:
        return file, free_bytes(path.parent)
    except OSError:
        os.close(file)
        raise


def _open_unlocked(path: Path, start: int) -> int:
    flags = os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW
    if start:
        file = os.open(path, flags)
        status = os.fstat(file)
        if stat.S_ISREG(status.st_mode) and status.st_size >= start:
            return file
        os.close(file)
        raise PartFileChanged(path)
    try:
        return os.open(path, flags | os.O_CREAT | os.O_EXCL, 0o666)
    except FileExistsError:
        path.unlink()
    file = os.open(path, flags | os.O_CREAT | os.O_EXCL, 0o666)
    # The old bytes must not come back after a power cut, when the job's record already has the new validator.
    sync_folder(path.parent)
    return file


def _lock(file: int, kind: int) -> bool:
    """Lock the file until it is closed; False where another owner's lock excludes that. Some file systems have none."""
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return True
    return True


def adopt(path: Path, part: Path) -> None:
    """Make the part file at `path`, of the owner before, that of the next one.

    An owner that stands still may write to it later, when it is finished and known by its time of change. So where
    such an owner has it open, the next one gets a copy. A link or a folder there is not the file, and is left alone.
    Raises OSError.
    """
    if not stat.S_ISREG(path.lstat().st_mode):
        return
    file = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        if _lock(file, fcntl.LOCK_EX):
            path.rename(part)
        else:
            shutil.copyfile(path, part)
            path.unlink(missing_ok=True)
    finally:
        os.close(file)


def sync_folder(folder: Path) -> None:
    """Make names that were made, changed or removed in `folder` survive a power cut."""
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
