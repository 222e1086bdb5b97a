"""Waiting for a condition with a deadline, never for a time."""

import asyncio
from collections.abc import Awaitable, Callable

DEADLINE_S = 60.0  # a condition comes true within moments, and a busy machine may take its time


async def until(condition: Callable[[], object], what: str = "the condition", deadline_s: float = DEADLINE_S) -> None:
    """Wait until `condition()` is true. Raises AssertionError, with the name, at the deadline."""
    try:
        async with asyncio.timeout(deadline_s):
            while not condition():
                await asyncio.sleep(0.01)
    except TimeoutError:
        raise AssertionError(f"{what} did not come true within {deadline_s} s") from None


async def eventually(ask: Callable[[], Awaitable[object]], what: str, deadline_s: float = DEADLINE_S) -> None:
    """As `until`, for a condition that is awaited."""
    try:
        async with asyncio.timeout(deadline_s):
            while not await ask():
                await asyncio.sleep(0.02)
    except TimeoutError:
        raise AssertionError(f"{what} did not come true within {deadline_s} s") from None
