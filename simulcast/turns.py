"""Work of a crowd, of which a turn of the event loop has one piece, with a rest before the next: others wait little."""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from weakref import WeakKeyDictionary

MAX_REST_S = 0.02


class Turns:
    """Lets tasks go on in their order, one in a turn of the loop; the next one as long after it as that turn took.

    So a crowd gets half of the loop, and an event waits for one of them at most. No piece is begun earlier because
    others are short: a task can't say beforehand how long it will take.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """`clock`: seconds, monotonic, and finer than the loop's time."""
        self._clock = clock
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._is_taken = False  # this turn
        self._begun_at = 0.0

    @property
    def waiting(self) -> int:
        """The number of tasks that wait for theirs."""
        return len(self._waiting)

    async def take(self) -> None:
        """Return in this turn if it is free, else in the first one that is."""
        if not self._is_taken:
            self._begin()
            return
        place = asyncio.get_running_loop().create_future()
        self._waiting.append(place)
        await place

    def _begin(self) -> None:
        self._is_taken = True
        self._begun_at = self._clock()
        asyncio.get_running_loop().call_soon(self._rest)  # behind the task, if that goes on in the next turn

    def _rest(self) -> None:
        rest_s = min(self._clock() - self._begun_at, MAX_REST_S)
        asyncio.get_running_loop().call_later(rest_s, self._pass_on)

    def _pass_on(self) -> None:
        while self._waiting:
            place = self._waiting.popleft()
            if not place.done():  # its task may have been cancelled
                place.set_result(None)
                self._begin()
                return
        self._is_taken = False


_of_loops: WeakKeyDictionary[asyncio.AbstractEventLoop, Turns] = WeakKeyDictionary()


def turns_of_loop() -> Turns:
    """Return those of the running loop: two crowds that each have half of it leave nothing to others."""
    return _of_loops.setdefault(asyncio.get_running_loop(), Turns())
