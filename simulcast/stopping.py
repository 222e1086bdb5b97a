"""Ending a loop around redis-py, which may swallow a cancellation.

A call of redis-py 8.1 that is cancelled under way often returns as if nothing had been asked. A loop that relies on
CancelledError alone then goes on for ever, and whoever waits for its end hangs.
"""

import asyncio


def asked_to_stop() -> bool:
    """Whether the running task was cancelled, also if the CancelledError was swallowed."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
