"""The four calls for threads and plain scripts: as in `simulcast.notify`, without await.

They are carried out by a broker in an event loop of its own, in a thread that ends with the process.
"""

import asyncio
import atexit
import os
import threading

from simulcast.broker import Broker
from simulcast.model.channel import DEFAULT_CHANNEL
from simulcast.model.events import Message, complete_event, error_event, progress_event
from simulcast.model.position import Position
from simulcast.settings.shared import RedisSettings


class SyncPublisher:
    """Publishes in order; safe to call from several threads, but from no event loop, which it would stop."""

    def __init__(self, url: str) -> None:
        """Nothing is sent yet. Raises ValueError for an address of no known form."""
        self._broker = Broker.connect(url)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="simulcast-publisher", daemon=True)
        self._thread.start()

    def publish(self, message: Message, channel: str = DEFAULT_CHANNEL) -> Position | None:
        """As `Broker.publish`."""
        return asyncio.run_coroutine_threadsafe(self._broker.publish(message, channel), self._loop).result()

    def close(self) -> None:
        """Ends the thread. Later calls are refused."""
        asyncio.run_coroutine_threadsafe(self._broker.aclose(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


_publishers: dict[int, SyncPublisher] = {}  # by process: a child has none of its parent's threads
_one_at_a_time = threading.Lock()


def _publisher() -> SyncPublisher:
    with _one_at_a_time:
        found = _publishers.get(os.getpid())
        if found is None:
            found = _publishers[os.getpid()] = SyncPublisher(RedisSettings().resolved_redis_url())
    return found


@atexit.register
def _close() -> None:
    if found := _publishers.get(os.getpid()):
        found.close()


def broadcast_message(message: Message, channel: str = DEFAULT_CHANNEL) -> Position | None:
    """Reaches every connected client of every front-end; see `simulcast.notify.broadcast_message`."""
    return _publisher().publish(message, channel)


def notify_download_progress(download_id: str, progress: float, speed: int) -> Position | None:
    """`progress`: 0.0 to 1.0; `speed`: bytes a second. Raises as `broadcast_message`."""
    return broadcast_message(progress_event(download_id, progress, speed))


def notify_download_complete(download_id: str, file_path: str) -> Position | None:
    """The download has ended well; its file is at `file_path`. Raises as `broadcast_message`."""
    return broadcast_message(complete_event(download_id, file_path))


def notify_download_error(download_id: str, error_message: str) -> Position | None:
    """The download has failed; `error_message` is for a person. Raises as `broadcast_message`."""
    return broadcast_message(error_event(download_id, error_message))
