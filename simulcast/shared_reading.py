"""One reading for many: requests that come while it runs share the next one."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final, Generic, TypeVar, TypeVarTuple

from simulcast.errors import BrokerUnavailable
from simulcast.turns import turns_of_loop

TURN_TIMEOUT_S: Final = 10.0  # how long a reading waits for others; each of them takes seconds while Redis hangs
MAX_PAUSE_S: Final = 0.1  # one that waits for Redis takes no time from others
_Result = TypeVar("_Result")
_Wanted = TypeVarTuple("_Wanted")


class SharedReading(Generic[*_Wanted, _Result]):
    """At most one reading runs at a time, and each begins after the requests that it answers, which want the same.

    The next one begins as long after the last one as that took, at most MAX_PAUSE_S: a crowd leaves half of the time to
    others. Those who share a result go on with it one after the other, each in another turn of the loop.
    """

    def __init__(self, read: Callable[[*_Wanted], Awaitable[_Result]]) -> None:
        self._read = read
        self._next: dict[tuple[*_Wanted], asyncio.Task[_Result]] = {}
        self._turn = asyncio.Lock()

    async def get(self, *wanted: *_Wanted) -> _Result:
        """Return the result of a reading that began after this call.

        Raises the errors of `read`, and BrokerUnavailable where it could not begin within TURN_TIMEOUT_S.
        """
        reading = self._next.get(wanted)
        if reading is None:
            reading = self._next[wanted] = asyncio.create_task(self._run(*wanted), name="read for all who ask now")
        with suppress(Exception):  # those who share an error take turns, too
            await asyncio.shield(reading)
        await turns_of_loop().take()
        return reading.result()

    async def _run(self, *wanted: *_Wanted) -> _Result:
        try:
            async with asyncio.timeout(TURN_TIMEOUT_S):
                await self._turn.acquire()
        except TimeoutError:
            raise BrokerUnavailable("too much is being read for others: try again in a moment") from None
        finally:
            del self._next[wanted]
        loop = asyncio.get_running_loop()
        begun_at = loop.time()
        try:
            return await self._read(*wanted)
        finally:
            loop.call_later(min(loop.time() - begun_at, MAX_PAUSE_S), self._turn.release)
