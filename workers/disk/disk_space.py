"""How much of the disk downloads may take: the size of one file, and the space that is kept free."""

import os
from pathlib import Path

from workers.disk.threads import in_thread
from workers.errors import DiskFull, TooLarge

CHECK_BYTES = 64 * 1024 * 1024  # how often free space is looked at while a file grows


class DiskSpace:
    """`most`: bytes of one file, 0 for any. `kept`: bytes of the folder's disk that downloads leave free.

    Files that are being written reserve what they will still take, so that each begins only if all of them fit.
    """

    def __init__(self, folder: Path, most: int = 0, kept: int = 0) -> None:
        self._folder = folder
        self._most = most
        self._kept = kept
        self._reserved: dict[object, int] = {}

    def check_size(self, received: int, total: int | None) -> None:
        """Raises TooLarge. `total`: as announced, None where nothing was."""
        if self._most and (received if total is None else total) > self._most:
            raise TooLarge(total, self._most)

    async def reserve(self, owner: object, needed: int, free: int | None = None) -> None:
        """Reserve `needed` more bytes for `owner`, in place of what it had. Raises DiskFull where they don't fit.

        `free`: the folder's free bytes as they were a moment ago; None to look.
        """
        self._reserved[owner] = needed
        if free is None:
            free = await in_thread(free_bytes, self._folder)
        others = sum(size for other, size in self._reserved.items() if other != owner)
        if free - self._kept - others < needed:
            self.release(owner)
            raise DiskFull(needed, max(0, free - others), self._kept)

    def reduce(self, owner: object, needed: int) -> None:
        """Keep only so much of what `owner` has reserved: the rest has been written, and is not free any more."""
        if owner in self._reserved:
            self._reserved[owner] = needed

    def release(self, owner: object) -> None:
        """Give back what `owner` has reserved."""
        self._reserved.pop(owner, None)


def free_bytes(folder: Path) -> int:
    """Return how much of the folder's disk is free. Blocks."""
    status = os.statvfs(folder)
    return status.f_bavail * status.f_frsize
