"""What a row of the table is."""

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass

from benchmarks.faults.stage import Stage


def _never() -> str:
    return ""


def _as_it_is(_: Stage) -> AbstractAsyncContextManager[None]:
    return nullcontext()


@dataclass(frozen=True)
class Row:
    """`fault` breaks something and mends it. `setting` prepares the stage before its Redis starts.

    `lacks`: why the row can't be played on this machine, or "". `refuses`: whether Redis may refuse the publisher,
    which is told then. `for_control`: whether the naive server can be put through it.
    """

    name: str
    title: str
    fault: Callable[[Stage], Awaitable[None]]
    setting: Callable[[Stage], AbstractAsyncContextManager[None]] = _as_it_is
    lacks: Callable[[], str] = _never
    refuses: bool = False
    for_control: bool = True
