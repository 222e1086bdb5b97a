"""A clock that tests move by hand."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass
class Clock:
    """Returns `now` when called. Time passes only by `advance` and `sleep`, which make due calls."""

    now: float = 0.0
    due: list[tuple[float, Callable[[], None]]] = field(default_factory=list)

    def __call__(self) -> float:
        return self.now

    def monotonic(self) -> float:
        """Stand in for `time.monotonic`."""
        return self.now

    def call_at(self, when: float, call: Callable[[], None]) -> None:
        self.due.append((when, call))

    def advance(self, seconds: float) -> None:
        self.now += seconds
        ready = [call for when, call in self.due if when <= self.now]
        self.due = [(when, call) for when, call in self.due if when > self.now]
        for call in ready:
            call()

    async def sleep(self, seconds: float) -> None:
        self.advance(seconds)
        await asyncio.sleep(0)
