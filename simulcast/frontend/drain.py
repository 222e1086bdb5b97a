"""The end of a front-end's clients: in waves, so that they do not all reconnect to the others in the same moment."""

import asyncio
from collections.abc import Callable, Collection
from typing import Protocol

from simulcast.model.close_codes import Reconnect

WAVE_S = 0.1
MIN_WAVE_SIZE = 20  # a handful of clients is disconnected in one wave
CLOSE_GRACE_S = 2.0  # how long they may take to close in their turn


class Connected(Protocol):
    """A client that stays until it is disconnected."""

    def close(self, code: int, reason: str) -> None: ...

    def abort(self) -> None: ...


def waves(clients: int, drain_s: float) -> list[int]:
    """Return how many clients leave in each wave, WAVE_S apart: in `drain_s` all of them, sooner where they are few."""
    max_waves = max(1, round(drain_s / WAVE_S))
    number = min(max_waves, -(-clients // MIN_WAVE_SIZE))
    return [clients * (n + 1) // number - clients * n // number for n in range(number)]


async def drain(clients: Collection[Connected], drain_s: float, hurried: Callable[[], bool] = lambda: False) -> None:
    """Close all clients, so that they reconnect. `clients` loses each when its connection ends, and may grow.

    Returns when none is left, or immediately when `hurried()`. A client that has not closed CLOSE_GRACE_S after the
    last wave is cut.
    """
    closed: set[Connected] = set()
    while leaving := [client for client in clients if client not in closed]:
        for size in waves(len(leaving), drain_s):
            for client in leaving[:size]:
                client.close(Reconnect.SERVICE_RESTART, "this front-end ends: reconnect")
            closed.update(leaving[:size])
            del leaving[:size]
            await asyncio.sleep(WAVE_S)
            if hurried():
                return
        drain_s = 0.0  # those whose handshake was in progress meanwhile
    loop = asyncio.get_running_loop()
    deadline = loop.time() + CLOSE_GRACE_S
    while closed.intersection(clients) and not hurried():
        if loop.time() > deadline:
            for client in closed.intersection(clients):
                client.abort()
            return
        await asyncio.sleep(0.05)
