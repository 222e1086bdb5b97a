"""Event loops in threads of their own: what threads, scripts and forked workers call without await runs there.

There is one for each address of Redis, with one broker; its thread ends with the process. A forked child gets a loop, a
thread and connections of its own at its first call.
"""

import asyncio
import atexit
import concurrent.futures
import logging
import os
import sys
import threading
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from simulcast.broker import Broker
from simulcast.cancellation import cancel_and_wait
from simulcast.errors import BrokerUnavailable
from simulcast.model.events import SILENT_TTL_S
from simulcast.settings.redis import RedisSettings

CLOSE_TIMEOUT_S = 15.0  # how long the end of the process waits for calls that are under way

_log = logging.getLogger("simulcast.background")

T = TypeVar("T")
Work = Callable[[], Coroutine[Any, Any, T]]


class Background:
    """A loop and a broker. Safe in several threads, in handlers of signals, and after a fork."""

    def __init__(self, url: str, silent_ttl_s: int = SILENT_TTL_S) -> None:
        """Send nothing yet. `silent_ttl_s`: as `Broker.connect`.

        Raises ValueError for a URL of no known form, RuntimeError where gevent or eventlet replaced the threads.
        """
        self._url, self._silent_ttl_s = url, silent_ttl_s
        self._closed = False
        self._begin()

    @property
    def url(self) -> str:
        """Address of Redis."""
        return self._url

    @property
    def broker(self) -> Broker:
        """The broker of the loop, for coroutines that run there."""
        return self._broker

    def submit(self, action: str, work: Work[T]) -> "concurrent.futures.Future[T]":
        """Run a coroutine on the loop. `action` completes "could not …".

        Raises BrokerUnavailable once it is closed, or the interpreter is shutting down.
        """
        with _lock:
            if self._process != os.getpid():
                self._begin()
        with self._closing:
            if self._closed:
                raise BrokerUnavailable(f"could not {action}: this publisher was closed")
            return asyncio.run_coroutine_threadsafe(work(), self._loop)

    def run(self, action: str, work: Work[T]) -> T:
        """As `submit`; wait, and return the result. Never call it in an event loop, which it would block."""
        try:
            return self.submit(action, work).result()
        except concurrent.futures.CancelledError:
            raise BrokerUnavailable(f"could not {action}: this publisher was closed meanwhile") from None

    def close(self) -> None:
        """End the thread, within CLOSE_TIMEOUT_S. Idempotent; later calls are refused."""
        if self._process != os.getpid():
            return  # the thread is the parent's
        with self._closing:
            if self._closed:
                return
            self._closed = True
            ending = asyncio.run_coroutine_threadsafe(self._end(), self._loop)
        try:
            ending.result(CLOSE_TIMEOUT_S)
        except TimeoutError:
            _log.warning("calls to Redis are left behind that did not end within %g s", CLOSE_TIMEOUT_S)
            return  # the thread ends with the process
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _end(self) -> None:
        await self._broker.aclose()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        await cancel_and_wait(others)
        await asyncio.gather(*others, return_exceptions=True)

    def _begin(self) -> None:
        """Begin a life in this process."""
        _refuse_green_threads()
        self._process = os.getpid()
        self._closing = threading.RLock()
        self._broker = Broker.connect(self._url, self._silent_ttl_s)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="simulcast-publisher", daemon=True)
        try:
            self._thread.start()
        except RuntimeError as error:  # since Python 3.12, atexit handlers can start no threads
            self._closed = True
            self._loop.close()
            raise BrokerUnavailable("could not publish: the interpreter is shutting down") from error


def _refuse_green_threads() -> None:
    """Raise RuntimeError where all threads are one, which an event loop would keep to itself."""
    gevent, eventlet = sys.modules.get("gevent.monkey"), sys.modules.get("eventlet.patcher")
    if (gevent and gevent.is_module_patched("threading")) or (eventlet and eventlet.is_monkey_patched("thread")):
        raise RuntimeError(
            "simulcast.sync and simulcast.job need the threads of Python, which gevent or eventlet has replaced: run "
            "tasks in a pool of processes or threads"
        )


B = TypeVar("B", bound=Background)
_shared: dict[tuple[type[Background], str], Background] = {}
_lock = threading.RLock()


def _forget() -> None:
    """Drop what is the parent's, whose threads a child lacks, and its lock, which another thread may have held."""
    global _lock
    _lock = threading.RLock()
    _shared.clear()


os.register_at_fork(after_in_child=_forget)


def shared(kind: type[B], url: str = "") -> B:
    """Return this process's one of that kind. `url`: "" for REDIS_URL, which is read once."""
    with _lock:
        found = _shared.get((kind, url))
        if not isinstance(found, kind):
            settings = RedisSettings.from_environment()
            found = _shared[kind, url] = kind(url or settings.resolved_redis_url(), settings.silent_ttl_s)
        return found


@atexit.register
def _close() -> None:
    for background in list(_shared.values()):
        background.close()
