"""The digest that a file must have, taken while its bytes are written."""

import hashlib
from collections.abc import Callable

from workers.disk.part_file import PartFile
from workers.disk.threads import in_thread
from workers.errors import ChecksumMismatch

_READ_BYTES = 1024 * 1024
_STEP_BYTES = 64 * 1024 * 1024  # read by one call into a thread: a cancellation waits for no more


class Digest:
    """`checksum`: `<algorithm>:<hexadecimal digits>`, as download_options.DownloadOptions has checked it.

    Bytes count in their order: `follow` takes those that come next and leaves out others, `catch_up` reads these.
    """

    def __init__(self, checksum: str) -> None:
        self._kind, _, self._expected = checksum.partition(":")
        self.restart()

    def restart(self) -> None:
        """Forget all bytes."""
        self._hash = hashlib.new(self._kind, usedforsecurity=False)
        self._upto = 0

    def follow(self, block: bytes, at: int) -> None:
        """Take a block that was written at `at`; from the thread that wrote it."""
        if at == self._upto:
            self._hash.update(block)
            self._upto += len(block)

    async def catch_up(self, file: PartFile, size: int, on_read: Callable[[int], None] = lambda size: None) -> None:
        """Take what is missing of the file's first `size` bytes, in a thread. Raises OSError."""
        while self._upto < size:
            before = self._upto
            on_read(before)
            await in_thread(self._read, file, min(size, before + _STEP_BYTES))
            if self._upto == before:
                return  # the file is shorter, and `check` finds that

    def check(self) -> None:
        """Raises ChecksumMismatch where the bytes so far have another digest."""
        actual = self._hash.hexdigest()
        if actual != self._expected:
            raise ChecksumMismatch(self._kind, actual, self._expected)

    def _read(self, file: PartFile, upto: int) -> None:
        while self._upto < upto and (block := file.read(min(_READ_BYTES, upto - self._upto), self._upto)):
            self.follow(block, self._upto)
