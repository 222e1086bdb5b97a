"""Calling what the user gave us, so that nothing it raises gets out."""

import asyncio
import inspect
import logging
from collections.abc import Callable
from typing import TypeVar

_logger = logging.getLogger("gateway")
_Argument = TypeVar("_Argument")


async def call(name: str, callback: Callable[[_Argument], object] | None, argument: _Argument) -> None:
    """Calls `callback(argument)` and awaits what it returns, if that is awaitable.

    What it raises is logged under `name`. Raises CancelledError only if the calling task is being cancelled.
    """
    if callback is None:
        return
    try:
        result = callback(argument)
        if inspect.isawaitable(result):
            await result
    except asyncio.CancelledError:
        # A callback that awaits a cancelled task of its own raises this too, and must not end the connection.
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise
        _logger.exception("%s was cancelled from within; the connection goes on", name)
    except Exception:
        _logger.exception("%s raised; the connection goes on", name)
