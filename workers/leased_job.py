"""A download that the worker owns, and why it was stopped."""

import asyncio
from dataclasses import dataclass
from typing import Literal

from simulcast.jobs import Lease
from workers.transfer.downloader import Downloader

Stop = Literal["paused", "cancelled", "queued", "lost"]


@dataclass(slots=True)
class LeasedJob:
    """`renewed_s`: when its lease was last given."""

    downloader: Downloader
    lease: Lease
    task: asyncio.Task[None]
    renewed_s: float
    reason: Stop | None = None  # why the task was cancelled
    is_ending: bool = False  # it takes no place any more; an end may have been published, though no reply came

    def stop(self, reason: Stop) -> None:
        if self.reason is None:
            self.reason = reason
            self.task.cancel()
