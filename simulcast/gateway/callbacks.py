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

    Anything that the callback raises is logged under `name`. Raises KeyboardInterrupt and SystemExit, which end the
    program, and CancelledError if the calling task is being cancelled.
    """
    if callback is None:
        return
    task = asyncio.current_task()
    try:
        result = callback(argument)
        if inspect.isawaitable(result):
            await result
    except BaseException as error:
        if ends_task(error, task):
            raise
        _logger.exception("%s raised; the connection goes on", name)


def ends_task(error: BaseException, task: asyncio.Task[object] | None) -> bool:
    """Return whether `error`, which the user's code raised in `task`, is meant for the task or the program.

    Code that awaits a cancelled task of its own raises CancelledError too, and must not end the connection.
    """
    if isinstance(error, asyncio.CancelledError):
        return task is None or task.cancelling() > 0
    if isinstance(error, GeneratorExit):  # from outside it comes while the loop doesn't run the task
        return task is None or asyncio.current_task(task.get_loop()) is not task
    return isinstance(error, KeyboardInterrupt | SystemExit)
