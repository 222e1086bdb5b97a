"""The calls of `simulcast.notify` and `simulcast.job` without await, for threads and plain scripts.

A broker in an event loop of its own carries them out, in a thread that ends with the process. A forked child gets a
loop, a thread and connections of its own at its first call.
"""

import asyncio
import atexit
import concurrent.futures
import os
import threading

from simulcast.background import shared
from simulcast.broker import Broker
from simulcast.errors import BrokerUnavailable
from simulcast.job_handle import SyncJob, current_job
from simulcast.job_keeper import JobKeeper
from simulcast.model import own_job
from simulcast.model.channel import DEFAULT_CHANNEL, ChannelNames
from simulcast.model.events import SILENT_TTL_S, Message, complete_event, error_event, progress_event
from simulcast.model.position import Position
from simulcast.own_jobs import QUEUED_TTL_S
from simulcast.settings.redis import RedisSettings
from simulcast.track import track

__all__ = [
    "SyncPublisher",
    "broadcast_message",
    "current_job",
    "job",
    "notify_download_complete",
    "notify_download_error",
    "notify_download_progress",
    "queue_job",
    "track",
]


class SyncPublisher:
    """Publishes in order. Safe in several threads and after a fork, but not in an event loop, which it would block."""

    def __init__(self, url: str, silent_ttl_s: int = SILENT_TTL_S) -> None:
        """Send nothing yet. Raises ValueError for a URL of no known form."""
        self._url = url
        self._silent_ttl_s = silent_ttl_s
        self._closed = False
        self._start()

    def publish(
        self,
        message: Message,
        channel: str = DEFAULT_CHANNEL,
        *,
        key: str = "",
        idempotency_key: str = "",
        ttl_s: int | None = None,
        ends: bool = False,
    ) -> Position | None:
        """As `Broker.publish`. Raises BrokerUnavailable also once it is closed, or the interpreter is shutting down."""
        with _lock:
            if self._process != os.getpid():
                self._start()
        with self._closing:
            if self._closed:
                raise BrokerUnavailable("could not publish: this publisher was closed")
            call = self._broker.publish(
                message, channel, key=key, idempotency_key=idempotency_key, ttl_s=ttl_s, ends=ends
            )
            publishing = asyncio.run_coroutine_threadsafe(call, self._loop)
        try:
            return publishing.result()
        except concurrent.futures.CancelledError:
            raise BrokerUnavailable("could not publish: this publisher was closed meanwhile") from None

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

    def _start(self) -> None:
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


_publisher: SyncPublisher | None = None
_lock = threading.Lock()


def _forget_publisher() -> None:
    """Drop the parent's publisher, whose thread a child lacks, and its lock, which another thread may have held."""
    global _publisher, _lock
    _publisher, _lock = None, threading.Lock()


os.register_at_fork(after_in_child=_forget_publisher)


def _shared_publisher() -> SyncPublisher:
    global _publisher
    with _lock:
        if _publisher is None:
            settings = RedisSettings.from_environment()
            _publisher = SyncPublisher(settings.resolved_redis_url(), settings.silent_ttl_s)
        return _publisher


@atexit.register
def _close() -> None:
    if _publisher is not None:
        _publisher.close()


def broadcast_message(
    message: Message,
    channel: str = DEFAULT_CHANNEL,
    *,
    key: str = "",
    idempotency_key: str = "",
    ttl_s: int | None = None,
    ends: bool = False,
) -> Position | None:
    """Publish to all connected clients of all front-ends; see `simulcast.notify.broadcast_message`."""
    return _shared_publisher().publish(
        message, channel, key=key, idempotency_key=idempotency_key, ttl_s=ttl_s, ends=ends
    )


def notify_download_progress(download_id: str, progress: float, speed: int) -> Position | None:
    """Publish progress, from 0.0 to 1.0, and speed in bytes a second. Raises as `broadcast_message`."""
    return broadcast_message(progress_event(download_id, progress, speed))


def notify_download_complete(download_id: str, file_path: str) -> Position | None:
    """Publish that the download is complete, with the path of its file. Raises as `broadcast_message`."""
    return broadcast_message(complete_event(download_id, file_path))


def notify_download_error(download_id: str, error_message: str) -> Position | None:
    """Publish that the download failed; `error_message` is for a person. Raises as `broadcast_message`."""
    return broadcast_message(error_event(download_id, error_message))


def job(
    job_id: str, *, kind: str = "", name: str = "", channel: str = DEFAULT_CHANNEL, attempt: int = 0, url: str = ""
) -> SyncJob:
    """Return a job for `with`, as `simulcast.job` for `async with`. Raises BrokerUnavailable as the calls above."""
    return SyncJob(job_id, kind, name, channel, attempt, url)


def queue_job(
    job_id: str,
    *,
    kind: str = "",
    name: str = "",
    channel: str = DEFAULT_CHANNEL,
    attempt: int = 0,
    ttl_s: float = QUEUED_TTL_S,
    url: str = "",
) -> int:
    """Announce a job that a process will start; see `simulcast.queue_job`."""
    about, keeper = own_job.about(job_id, kind, name), shared(JobKeeper, url)
    return keeper.queue(job_id, about, ChannelNames(channel).channel, attempt, ttl_s)
