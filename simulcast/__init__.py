"""Broadcast progress events to every connected client of every front-end."""

try:
    from simulcast.broker import Broker, Head, Snapshot
    from simulcast.errors import (
        BrokerUnavailable,
        EventTooLarge,
        InvalidEvent,
        LeaseLost,
        NotPermitted,
        PositionLost,
        SimulcastError,
    )
    from simulcast.notify import (
        broadcast_message,
        notify_download_complete,
        notify_download_error,
        notify_download_progress,
    )
    from simulcast.position import Position
except ModuleNotFoundError as error:
    if error.name not in ("redis", "pydantic", "pydantic_core", "pydantic_settings"):
        raise
    raise ModuleNotFoundError(
        f"simulcast needs the package {error.name} to publish: pip install 'simulcast[server]' "
        "(the client alone is in the package gateway)",
        name=error.name,
    ) from error

__all__ = [
    "Broker",
    "BrokerUnavailable",
    "EventTooLarge",
    "Head",
    "InvalidEvent",
    "LeaseLost",
    "NotPermitted",
    "Position",
    "PositionLost",
    "SimulcastError",
    "Snapshot",
    "broadcast_message",
    "notify_download_complete",
    "notify_download_error",
    "notify_download_progress",
]
