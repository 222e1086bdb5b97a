"""One reading for many: requests that come while it runs share the next one."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar, TypeVarTuple

_Result = TypeVar("_Result")
_Wanted = TypeVarTuple("_Wanted")


class SharedReading(Generic[*_Wanted, _Result]):
    """At most one reading runs at a time, and each begins after the requests that it answers, which want the same."""

    def __init__(self, read: Callable[[*_Wanted], Awaitable[_Result]]) -> None:
        self._read = read
        self._next: dict[tuple[*_Wanted], asyncio.Task[_Result]] = {}
        self._turn = asyncio.Lock()

    async def get(self, *wanted: *_Wanted) -> _Result:
        """Return the result of a reading that began after this call. Raises the errors of `read`."""
        reading = self._next.get(wanted)
        if reading is None:
            reading = self._next[wanted] = asyncio.create_task(self._run(*wanted), name="read for all who ask now")
        return await asyncio.shield(reading)

    async def _run(self, *wanted: *_Wanted) -> _Result:
        async with self._turn:
            del self._next[wanted]
            return await self._read(*wanted)
