"""What a download may take of the disk: how large it may be, and how much is kept free."""

import asyncio
import os
from dataclasses import dataclass
from pathlib import Path

from workers.errors import DiskFull, TooLarge

CHECK_BYTES = 64 * 1024 * 1024  # how often free space is looked at while a file grows


@dataclass(frozen=True, slots=True)
class DiskSpace:
    """`most`: bytes of one file, 0 for any. `kept`: bytes of the folder's disk that downloads leave free."""

    folder: Path
    most: int = 0
    kept: int = 0

    def check_size(self, received: int, total: int | None) -> None:
        """Raises TooLarge. `total`: as announced, None where nothing was."""
        if self.most and (received if total is None else total) > self.most:
            raise TooLarge(total, self.most)

    async def check_free_space(self, needed: int) -> None:
        """Raises NoRoom where `needed` more bytes would reach into what is kept free."""
        free = await asyncio.to_thread(_free_bytes, self.folder)
        if free - self.kept < needed:
            raise DiskFull(needed, free, self.kept)


def _free_bytes(folder: Path) -> int:
    found = os.statvfs(folder)
    return found.f_bavail * found.f_frsize
