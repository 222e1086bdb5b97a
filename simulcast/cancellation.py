"""Ending a loop around redis-py, which may swallow a cancellation.

A call of redis-py 8.1 that is cancelled under way often returns as if nothing had been asked. A loop that relies on
CancelledError alone then goes on for ever, and whoever waits for its end hangs.
"""

import asyncio
from collections.abc import Collection
from typing import Any

RECANCEL_INTERVAL_S = 0.5


async def cancel_and_wait(tasks: Collection["asyncio.Task[Any]"]) -> None:
    """Returns once all have ended; asks again those that swallow it. What they raise is their owner's to look at."""
    while pending := [task for task in tasks if not task.done()]:
        for task in pending:
            task.cancel()
        await asyncio.wait(pending, timeout=RECANCEL_INTERVAL_S)


def is_cancelling() -> bool:
    """Whether the running task was cancelled, also if the CancelledError was swallowed.

    Not for a task that goes on after an `asyncio.TaskGroup` of its own failed: before Python 3.13 it looks cancelled.
    """
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
