"""Says every BEAT_S that this process lives and how it is, and at its end that it doesn't any more."""

import asyncio
import logging
import os
import secrets
import socket
from collections.abc import Callable, Mapping
from functools import cache
from importlib import metadata

from simulcast.cancellation import is_cancelling
from simulcast.errors import BrokerUnavailable
from simulcast.process_registry import ProcessRegistry, Record

HEARTBEAT_INTERVAL_S = 2.0
DEREGISTER_TIMEOUT_S = 1.0
_log = logging.getLogger("simulcast.heartbeat")


def process_name() -> str:
    """The host's name, a colon, and what tells this process from all others there."""
    return f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(3)}"


@cache
def version() -> str:
    """That of the installed package, "" in a checkout that isn't installed.

    Read once: later the process may have no descriptor left for a file.
    """
    try:
        return metadata.version("simulcast")
    except metadata.PackageNotFoundError:
        return ""


class Rate:
    """How fast a counter grows. `clock`: seconds, monotonic."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._at, self._total = clock(), 0

    def of(self, total: int) -> float:
        """By how much a second since this was asked before, or since the beginning."""
        now = self._clock()
        rate = (total - self._total) / max(now - self._at, 1e-3)
        self._at, self._total = now, total
        return rate


async def send_heartbeats(
    registry: ProcessRegistry, name: str, record: Callable[[], Record], totals: Callable[[], Mapping[str, int]]
) -> None:
    """Until cancelled. `totals`: counters that only grow; while Redis is away, what they grow by is told later."""
    sent: Mapping[str, int] = {}
    try:
        while not is_cancelling():
            now = totals()
            try:
                await registry.heartbeat(
                    record(), {counter: total - sent.get(counter, 0) for counter, total in now.items()}
                )
                sent = now
            except BrokerUnavailable as error:
                _log.debug("not told that this process lives: %s", error)
            await asyncio.sleep(HEARTBEAT_INTERVAL_S)
    finally:
        try:
            async with asyncio.timeout(DEREGISTER_TIMEOUT_S):
                await registry.leave(name)
        except (BrokerUnavailable, TimeoutError) as error:
            _log.debug("not told that this process ends: %s", error)
