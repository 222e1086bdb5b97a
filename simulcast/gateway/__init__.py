"""The Python client of a Simulcast service.

    from simulcast.gateway import Gateway

    async with Gateway(on_websocket_message=print):
        await asyncio.Event().wait()

or, with typed events:

    async with Gateway() as gateway:
        async for event in gateway:
            if isinstance(event, DownloadProgress):
                print(event.download_id, event.progress)

For threads there is `simulcast.gateway.sync`, for browsers and Node `gateway.js`.
It needs `websockets` and the standard library only. It logs to `logging.getLogger("simulcast.gateway")`.
"""

from simulcast.gateway.client import Gateway
from simulcast.gateway.commands import CommandRejected, CommandResult, CommandTimeout
from simulcast.gateway.downloads import AddedDownload, Download, DownloadPage
from simulcast.gateway.events import (
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
    JobCancelled,
    JobChange,
    JobComplete,
    JobDeleted,
    JobError,
    JobEvent,
    JobProgress,
    JobQueued,
    JobStarted,
)
from simulcast.gateway.limits import Limits
from simulcast.gateway.reconnect_policy import ConnectionState

__all__ = [
    "AddedDownload",
    "CommandRejected",
    "CommandResult",
    "CommandTimeout",
    "ConnectionState",
    "Download",
    "DownloadCancelled",
    "DownloadChange",
    "DownloadComplete",
    "DownloadDeleted",
    "DownloadError",
    "DownloadEvent",
    "DownloadPage",
    "DownloadPaused",
    "DownloadProgress",
    "DownloadQueued",
    "DownloadResumed",
    "DownloadStarted",
    "Event",
    "Gateway",
    "JobCancelled",
    "JobChange",
    "JobComplete",
    "JobDeleted",
    "JobError",
    "JobEvent",
    "JobProgress",
    "JobQueued",
    "JobStarted",
    "Limits",
]
