"""Event loops in threads of their own: what threads, scripts and forked workers call without await runs there.

There is one for each address of Redis, with one broker; its thread ends with the process. A forked child gets a loop, a
thread and connections of its own at its first call.
"""

import asyncio
import atexit
import concurrent.futures
import os
import threading
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from simulcast.broker import Broker
from simulcast.errors import BrokerUnavailable
from simulcast.model.events import SILENT_TTL_S
from simulcast.settings.redis import RedisSettings

T = TypeVar("T")
Work = Callable[[], Coroutine[Any, Any, T]]


class Background:
    """A loop and a broker. Safe in several threads and after a fork."""

    def __init__(self, url: str, silent_ttl_s: int = SILENT_TTL_S) -> None:
        """Send nothing yet. `silent_ttl_s`: as `Broker.connect`. Raises ValueError for a URL of no known form."""
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
        """End the thread. Idempotent; later calls are refused."""
        if self._process != os.getpid():
            return  # the thread is the parent's
        with self._closing:
            if self._closed:
                return
            self._closed = True
            ending = asyncio.run_coroutine_threadsafe(self._end(), self._loop)
        ending.result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _end(self) -> None:
        await self._broker.aclose()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    def _begin(self) -> None:
        """Begin a life in this process."""
        self._process = os.getpid()
        self._closing = threading.Lock()
        self._broker = Broker.connect(self._url, self._silent_ttl_s)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="simulcast-publisher", daemon=True)
        try:
            self._thread.start()
        except RuntimeError as error:  # since Python 3.12, atexit handlers can start no threads
            self._closed = True
            self._loop.close()
            raise BrokerUnavailable("could not publish: the interpreter is shutting down") from error


B = TypeVar("B", bound=Background)
_shared: dict[tuple[type[Background], str], Background] = {}
_lock = threading.Lock()


def _forget() -> None:
    """Drop what is the parent's, whose threads a child lacks, and its lock, which another thread may have held."""
    global _lock
    _lock = threading.Lock()
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
