"""Waiting for a condition with a deadline, never for a time."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from simulcast.errors import BrokerUnavailable

DEADLINE_S = 60.0  # a condition comes true within moments, and a busy machine may take its time
FAILOVER_S = 30.0  # a deadline, not a promise

T = TypeVar("T")


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


async def retry_while_unavailable(call: Callable[[], Awaitable[T]], deadline_s: float = FAILOVER_S) -> T:
    """Return what the call returns once a server answers. Raises TimeoutError at the deadline."""
    async with asyncio.timeout(deadline_s):
        while True:
            try:
                return await call()
            except BrokerUnavailable:
                await asyncio.sleep(0.05)
