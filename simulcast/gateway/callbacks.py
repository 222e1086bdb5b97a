"""Calls of the user's callbacks, which contain whatever these raise."""

import asyncio
import inspect
import logging
from collections.abc import Callable
from typing import TypeVar

_logger = logging.getLogger("simulcast.gateway")
_Argument = TypeVar("_Argument")


async def call(name: str, callback: Callable[[_Argument], object] | None, argument: _Argument) -> None:
    """Call `callback(argument)` and await its result, if that is awaitable.

    An exception of the callback is logged under `name`. Raises CancelledError only if the calling task is being
    cancelled.
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
