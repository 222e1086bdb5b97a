"""Work of which each turn of the event loop has one piece, so that nothing else waits for a crowd's."""

import asyncio
from collections import deque


class Turns:
    """Lets tasks go on in their order, one in a turn of the loop. All else that is due runs in between.

    No piece is begun earlier because others are short: a task can't say beforehand how long it will take.
    """

    def __init__(self) -> None:
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._is_taken = False  # this turn

    @property
    def waiting(self) -> int:
        """The number of tasks that wait for theirs."""
        return len(self._waiting)

    async def take(self) -> None:
        """Return in this turn if it is free, else in the first one that is."""
        if not self._is_taken:
            self._is_taken = True
            asyncio.get_running_loop().call_soon(self._pass_on)
            return
        place = asyncio.get_running_loop().create_future()
        self._waiting.append(place)
        await place

    def _pass_on(self) -> None:
        while self._waiting:
            place = self._waiting.popleft()
            if not place.done():  # its task may have been cancelled
                place.set_result(None)
                asyncio.get_running_loop().call_soon(self._pass_on)  # behind the task, which goes on in the next turn
                return
        self._is_taken = False
