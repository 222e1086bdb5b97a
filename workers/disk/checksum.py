"""The digest that a file must have, taken while its bytes are written."""

import hashlib
from pathlib import Path

from workers.disk.threads import in_thread
from workers.errors import ChecksumMismatch

_READ_BYTES = 1024 * 1024
_STEP_BYTES = 64 * 1024 * 1024  # what one call into a thread reads: a cancellation waits for no more


class Digest:
    """`checksum`: `<algorithm>:<hexadecimal digits>`, as options.Options has checked it.

    Bytes count in their order: `follow` takes what comes next and leaves out what doesn't, `catch_up` reads that.
    """

    def __init__(self, checksum: str) -> None:
        self._kind, _, self._wanted = checksum.partition(":")
        self.restart()

    def restart(self) -> None:
        """As if nothing had been taken."""
        self._hash = hashlib.new(self._kind, usedforsecurity=False)
        self._upto = 0

    def follow(self, block: bytes | bytearray | memoryview, at: int) -> None:
        """Takes a block that was written at `at`; from the thread that wrote it."""
        if at == self._upto:
            self._hash.update(block)
            self._upto += len(block)

    async def catch_up(self, path: Path, size: int) -> None:
        """Takes what is missing of the file's first `size` bytes, in a thread. Raises OSError."""
        while self._upto < size:
            before = self._upto
            await in_thread(self._read, path, min(size, before + _STEP_BYTES))
            if self._upto == before:
                return  # the file is shorter: that is for others to find

    def check(self) -> None:
        """Raises WrongDigest where what was taken has another one."""
        found = self._hash.hexdigest()
        if found != self._wanted:
            raise ChecksumMismatch(self._kind, found, self._wanted)

    def _read(self, path: Path, upto: int) -> None:
        with path.open("rb") as file:
            file.seek(self._upto)
            while self._upto < upto and (block := file.read(min(_READ_BYTES, upto - self._upto))):
                self.follow(block, self._upto)
