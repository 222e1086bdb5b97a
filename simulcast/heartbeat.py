"""Heartbeats: every HEARTBEAT_INTERVAL_S this process registers itself, and at its end it deregisters."""

import asyncio
import logging
import os
import secrets
import socket
from collections.abc import Callable, Mapping

from simulcast.cancellation import is_cancelling
from simulcast.containment import contain_errors
from simulcast.errors import BrokerUnavailable
from simulcast.process_registry import ProcessRegistry, Record

HEARTBEAT_INTERVAL_S = 2.0
DEREGISTER_TIMEOUT_S = 1.0
_log = logging.getLogger("simulcast.heartbeat")


def process_name() -> str:
    """Return the host's name, a colon, and a name that is unique there."""
    return f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(3)}"


class Rate:
    """Rate of growth of a counter. `clock`: seconds, monotonic."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._at, self._total = clock(), 0

    def per_second(self, total: int) -> float:
        """Return the growth per second since the last call, or since the beginning."""
        now = self._clock()
        rate = (total - self._total) / max(now - self._at, 1e-3)
        self._at, self._total = now, total
        return rate


async def send_heartbeats(
    registry: ProcessRegistry, name: str, record: Callable[[], Record], totals: Callable[[], Mapping[str, int]]
) -> None:
    """Send heartbeats until cancelled. `totals`: counters that only grow; their increments wait while Redis is away."""
    sent: Mapping[str, int] = {}
    try:
        while not is_cancelling():
            with contain_errors("a heartbeat"):
                now = totals()
                try:
                    await registry.heartbeat(
                        record(), {counter: total - sent.get(counter, 0) for counter, total in now.items()}
                    )
                    sent = now
                except BrokerUnavailable as error:
                    _log.debug("no heartbeat: %s", error)
            await asyncio.sleep(HEARTBEAT_INTERVAL_S)
    finally:
        try:
            async with asyncio.timeout(DEREGISTER_TIMEOUT_S):
                await registry.leave(name)
        except (BrokerUnavailable, TimeoutError) as error:
            _log.debug("not deregistered: %s", error)
