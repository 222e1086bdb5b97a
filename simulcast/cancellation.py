"""Cancellation of loops around redis-py, which may swallow it.

A cancelled call of redis-py 8.1 often returns normally. A loop that relies on CancelledError alone then never ends,
and the task that waits for its end hangs.
"""

import asyncio
from collections.abc import Collection, Coroutine
from typing import Any

RECANCEL_INTERVAL_S = 0.5


async def cancel_and_wait(tasks: Collection["asyncio.Task[Any]"]) -> None:
    """Cancel tasks until all have ended, repeatedly if they swallow it. Their owner has to look at their errors."""
    while pending := [task for task in tasks if not task.done()]:
        for task in pending:
            task.cancel()
        await asyncio.wait(pending, timeout=RECANCEL_INTERVAL_S)


async def run_until_first(*coroutines: Coroutine[Any, Any, object]) -> None:
    """Run all of them as tasks until one ends, then cancel the others. Raises what one of them raised."""
    tasks = [asyncio.create_task(coroutine) for coroutine in coroutines]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        await cancel_and_wait(tasks)
    for task in tasks:
        if not task.cancelled() and (error := task.exception()) is not None:
            raise error


def is_cancelling() -> bool:
    """Return whether the running task was cancelled, even if the CancelledError was swallowed.

    Wrong for a task that goes on after an `asyncio.TaskGroup` of its own failed: before Python 3.13 it looks cancelled.
    """
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
