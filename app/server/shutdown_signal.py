"""Learns that the process is to end before uvicorn waits for its responses: one that never ends by itself would be
waited for in vain, and uvicorn tells the application only afterwards.
"""

import asyncio
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def shutdown_event() -> Iterator[asyncio.Event]:
    """An event that is set on SIGTERM and SIGINT; the server's own handlers are called as before.

    Outside the main thread, where Python hears no signals, it is never set.
    """
    ending = asyncio.Event()
    if threading.current_thread() is not threading.main_thread():
        yield ending
        return
    loop = asyncio.get_running_loop()
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    before = {number: handler for number, handler in handlers.items() if callable(handler)}

    def hear(number: int, frame: FrameType | None) -> None:
        loop.call_soon_threadsafe(ending.set)
        before[signal.Signals(number)](number, frame)

    for number in before:
        signal.signal(number, hear)
    try:
        yield ending
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
