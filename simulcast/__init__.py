"""Broadcast progress events to every connected client of every front-end.

The names below are imported when they are first used, so the client needs neither Redis nor pydantic, and a publisher
needs no web framework.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from simulcast.broker import Broker, Head, Snapshot
    from simulcast.errors import (
        BrokerUnavailable,
        EventTooLarge,
        InvalidEvent,
        JobCancelled,
        JobTaken,
        LeaseLost,
        NotPermitted,
        PositionLost,
        SimulcastError,
    )
    from simulcast.event_group import on_event
    from simulcast.gateway import Gateway
    from simulcast.job_handle import current_job, job, queue_job
    from simulcast.job_queue import ClaimedJob, JobQueue
    from simulcast.model.position import Position
    from simulcast.notify import (
        broadcast_message,
        notify_download_complete,
        notify_download_error,
        notify_download_progress,
    )

__all__ = [
    "Broker",
    "BrokerUnavailable",
    "ClaimedJob",
    "EventTooLarge",
    "Gateway",
    "Head",
    "InvalidEvent",
    "JobCancelled",
    "JobQueue",
    "JobTaken",
    "LeaseLost",
    "NotPermitted",
    "Position",
    "PositionLost",
    "SimulcastError",
    "Snapshot",
    "broadcast_message",
    "current_job",
    "job",
    "notify_download_complete",
    "notify_download_error",
    "notify_download_progress",
    "on_event",
    "queue_job",
]

_MODULES = {
    "Broker": "broker",
    "ClaimedJob": "job_queue",
    "Gateway": "gateway",
    "Head": "broker",
    "JobQueue": "job_queue",
    "Position": "model.position",
    "Snapshot": "broker",
    "broadcast_message": "notify",
    "current_job": "job_handle",
    "job": "job_handle",
    "notify_download_complete": "notify",
    "notify_download_error": "notify",
    "notify_download_progress": "notify",
    "on_event": "event_group",
    "queue_job": "job_handle",
}
_PUBLISHING = ("redis", "pydantic", "pydantic_core")


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module 'simulcast' has no attribute {name!r}")
    try:
        value: object = getattr(import_module(f"simulcast.{_MODULES.get(name, 'errors')}"), name)
    except ModuleNotFoundError as error:
        if error.name not in _PUBLISHING:
            raise
        raise ModuleNotFoundError(
            f"simulcast needs the package {error.name} to publish: pip install 'simulcast[publish]' "
            "(the client alone needs nothing: from simulcast.gateway import Gateway)",
            name=error.name,
        ) from error
    globals()[name] = value
    return value
