"""One reading for many: requests that come while it runs share the next one."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

_Result = TypeVar("_Result")


class SharedReading(Generic[_Result]):
    """At most one reading runs at a time, and each begins after the requests that it answers."""

    def __init__(self, read: Callable[[], Awaitable[_Result]]) -> None:
        self._read = read
        self._next: asyncio.Task[_Result] | None = None
        self._turn = asyncio.Lock()

    async def get(self) -> _Result:
        """Return the result of a reading that began after this call. Raises the errors of `read`."""
        if self._next is None:
            self._next = asyncio.create_task(self._run(), name="read for all who ask now")
        return await asyncio.shield(self._next)

    async def _run(self) -> _Result:
        async with self._turn:
            self._next = None
            return await self._read()
