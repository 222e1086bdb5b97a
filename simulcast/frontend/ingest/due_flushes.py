"""Flushes that are due: together, once the messages that were read together have been handled."""

import asyncio
from collections.abc import Callable


class DueFlushes:
    """Calls at a time; those that are due wait for `run`, or for the next turn of the loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._due: list[Callable[[], None]] = []

    def clock(self) -> float:
        """Return the seconds of the loop."""
        return self._loop.time()

    def call_at(self, at: float, flush: Callable[[], None]) -> None:
        """Call `flush`, which raises nothing, at that time of the clock."""
        if at > self._loop.time():
            self._loop.call_at(at, flush)
            return
        if not self._due:
            self._loop.call_soon(self.run)
        self._due.append(flush)

    def run(self) -> None:
        """Call all that are due. After the last of several events, so that they need not wait for the loop."""
        due, self._due = self._due, []
        for flush in due:
            flush()
