"""Work in a thread that a cancellation waits for: a thread can't be stopped, and what follows must find it done.

A file closed under its write would let the thread write into whatever file is given the same descriptor next.
"""

import asyncio
from collections.abc import Callable
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


async def wait_uncancelled(work: asyncio.Future[T]) -> asyncio.CancelledError | None:
    """Waits until `work` has ended, whoever cancels meanwhile; the last cancellation is handed back."""
    cancelled = None
    while not work.done():
        try:
            await asyncio.wait([work])
        except asyncio.CancelledError as late:
            cancelled = late
    return cancelled


async def in_thread(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """As asyncio.to_thread, but a cancellation comes out only when the thread is done."""
    work = asyncio.ensure_future(asyncio.to_thread(function, *args, **kwargs))
    cancelled = await wait_uncancelled(work)
    if cancelled is not None:
        if not work.cancelled():
            work.exception()  # looked at: the cancellation is what counts
        raise cancelled
    return work.result()
