"""The Python client of a Simulcast service.

    from gateway import Gateway

    async with Gateway(on_websocket_message=print):
        await asyncio.Event().wait()

or, with typed events:

    async with Gateway() as gateway:
        async for event in gateway:
            if isinstance(event, DownloadProgress):
                print(event.download_id, event.progress)

For threads there is `gateway.sync`, for browsers and Node `gateway.js`.
It needs `websockets` and the standard library only. What it tells goes to `logging.getLogger("gateway")`.
"""

from gateway.client import Gateway
from gateway.commands import CommandRejected, CommandResult, CommandUnanswered
from gateway.events import (
    DownloadCancelled,
    DownloadChange,
    DownloadComplete,
    DownloadDeleted,
    DownloadError,
    DownloadEvent,
    DownloadPaused,
    DownloadProgress,
    DownloadQueued,
    DownloadResumed,
    DownloadStarted,
    Event,
)
from gateway.limits import Limits

__all__ = [
    "CommandRejected",
    "CommandResult",
    "CommandUnanswered",
    "DownloadCancelled",
    "DownloadChange",
    "DownloadComplete",
    "DownloadDeleted",
    "DownloadError",
    "DownloadEvent",
    "DownloadPaused",
    "DownloadProgress",
    "DownloadQueued",
    "DownloadResumed",
    "DownloadStarted",
    "Event",
    "Gateway",
    "Limits",
]
