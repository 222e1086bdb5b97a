"""Publishing in one call, `await broadcast_message(message)`, from any process that knows REDIS_URL.

There is one broker for each running event loop, opened at the first call and closed when the loop ends, so a program
may use several `asyncio.run`, one after the other.
"""

import asyncio
import os
import threading

from simulcast.broker import Broker
from simulcast.event_loop import require_event_loop
from simulcast.model.channel import DEFAULT_CHANNEL
from simulcast.model.events import Message, complete_event, error_event, progress_event
from simulcast.model.position import Position
from simulcast.settings.redis import RedisSettings

_brokers: dict[asyncio.AbstractEventLoop, Broker] = {}
_lock = threading.Lock()  # each thread may run a loop


def _forget_brokers() -> None:
    """Drop the parent's connections, which a child must not share, and its lock, which another thread may have held."""
    global _brokers, _lock
    _brokers, _lock = {}, threading.Lock()


os.register_at_fork(after_in_child=_forget_brokers)


def _broker() -> Broker:
    loop = require_event_loop("broadcast_message")
    with _lock:
        for ended in [other for other in _brokers if other.is_closed()]:
            del _brokers[ended]  # its sender closed its connections when the loop ended
        if loop not in _brokers:
            settings = RedisSettings.from_environment()
            _brokers[loop] = Broker.connect(settings.resolved_redis_url(), settings.silent_ttl_s)
        return _brokers[loop]


async def broadcast_message(
    message: Message,
    channel: str = DEFAULT_CHANNEL,
    *,
    key: str = "",
    idempotency_key: str = "",
    ttl_s: int | None = None,
    ends: bool = False,
    traceparent: str = "",
) -> Position | None:
    """Publish an event, a mapping, or any text to all connected clients of all front-ends.

    `key`, `idempotency_key`, `ttl_s`, `ends` and `traceparent` are those of `Broker.publish`.
    Returns the event's position, or None for text that is no JSON object (delivered live, not stored).
    Raises InvalidEvent, EventTooLarge, BrokerUnavailable (it may have been published then), SettingRefused for a
    REDIS_URL of no known form, RuntimeError without a running asyncio event loop.
    """
    return await _broker().publish(
        message,
        channel,
        key=key,
        idempotency_key=idempotency_key,
        ttl_s=ttl_s,
        ends=ends,
        traceparent=traceparent,
    )


async def notify_download_progress(download_id: str, progress: float, speed: int) -> Position | None:
    """Publish progress, from 0.0 to 1.0, and speed in bytes a second. Raises as `broadcast_message`."""
    return await broadcast_message(progress_event(download_id, progress, speed))


async def notify_download_complete(download_id: str, file_path: str) -> Position | None:
    """Publish that the download is complete, with the path of its file. Raises as `broadcast_message`."""
    return await broadcast_message(complete_event(download_id, file_path))


async def notify_download_error(download_id: str, error_message: str) -> Position | None:
    """Publish that the download failed; `error_message` is for a person. Raises as `broadcast_message`."""
    return await broadcast_message(error_event(download_id, error_message))
