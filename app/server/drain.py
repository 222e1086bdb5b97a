"""A front-end's end: no new clients, and those that are here leave in waves, so that they don't all come to the other
front-ends in the same moment.
"""

import asyncio
import socket
from collections.abc import Callable, Collection, Iterable
from types import FrameType
from typing import Protocol, cast

import uvicorn

WAVE_S = 0.1
MIN_WAVE_SIZE = 20  # a handful of clients is sent away at once
CLOSE_GRACE_S = 2.0  # in which those that were sent away close in their turn


class Connection(Protocol):
    """What uvicorn serves: those that are clients stay until they are ended."""

    transport: asyncio.Transport

    @property
    def is_long_lived(self) -> bool: ...

    def close_for_restart(self) -> None: ...


def waves(clients: int, drain_s: float) -> list[int]:
    """How many leave in each wave, WAVE_S apart: in `drain_s` all of them, sooner where they are few."""
    most = max(1, round(drain_s / WAVE_S))
    number = min(most, -(-clients // MIN_WAVE_SIZE))
    return [clients * (n + 1) // number - clients * n // number for n in range(number)]


async def drain(connections: Collection[Connection], drain_s: float, hurried: Callable[[], bool]) -> None:
    """Returns when no client is left, or at once when `hurried()`. `connections` changes meanwhile.

    Who has not closed CLOSING_S after the last wave is cut.
    """
    asked: list[Connection] = []
    while leaving := _clients(connections):
        for size in waves(len(leaving), drain_s):
            for client in leaving[:size]:
                client.close_for_restart()
            asked += leaving[:size]
            del leaving[:size]
            await asyncio.sleep(WAVE_S)
            if hurried():
                return
        drain_s = 0.0  # those whose handshake was under way meanwhile
    loop = asyncio.get_running_loop()
    latest = loop.time() + CLOSE_GRACE_S
    while not hurried() and (closing := [client for client in asked if client in connections]):
        if loop.time() > latest:
            for client in closing:
                client.transport.abort()
            return
        await asyncio.sleep(0.05)


def _clients(connections: Iterable[Connection]) -> list[Connection]:
    return [connection for connection in connections if connection.is_long_lived]


class Server(uvicorn.Server):
    """uvicorn's, which goes on serving while its clients leave. A second signal ends it without waiting for them."""

    def __init__(self, config: uvicorn.Config, drain_s: float) -> None:
        super().__init__(config)
        self._drain_s = drain_s

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        connections = cast("Collection[Connection]", self.server_state.connections)
        await drain(connections, self._drain_s, lambda: self.force_exit)
        await super().shutdown(sockets)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self.force_exit = self.should_exit
        super().handle_exit(sig, frame)
