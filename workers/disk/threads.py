"""Work in the disk's own threads, for which a cancellation waits: a thread can't be stopped.

A file closed under its write would let the thread write into the file that is given the same descriptor next.
Nothing but the disk uses these threads: a name server that hangs delays no write, and a disk that hangs no look-up.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

THREADS = 16
P = ParamSpec("P")
T = TypeVar("T")

_disk = ThreadPoolExecutor(THREADS, "disk")


async def wait_uncancelled(work: asyncio.Future[T]) -> asyncio.CancelledError | None:
    """Wait until `work` has ended, also through cancellations; the last one is returned."""
    cancelled = None
    while not work.done():
        try:
            await asyncio.wait([work])
        except asyncio.CancelledError as late:
            cancelled = late
    return cancelled


def start_in_thread(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> asyncio.Future[T]:
    """Start `function` in a thread of the disk."""
    return asyncio.wrap_future(_disk.submit(function, *args, **kwargs))


async def in_thread(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run `function` in a thread of the disk; a cancellation comes out only when it is done."""
    work = start_in_thread(function, *args, **kwargs)
    cancelled = await wait_uncancelled(work)
    if cancelled is not None:
        if not work.cancelled():
            work.exception()  # looked at: the cancellation is what counts
        raise cancelled
    return work.result()
