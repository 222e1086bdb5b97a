"""What a row of the table is."""

from collections.abc import Awaitable, Callable, Collection, Mapping
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass, field

from benchmarks.faults.stage import Stage
from benchmarks.faults.topology import Topology

Fault = Callable[[Stage], Awaitable[None]]


def _never() -> str:
    return ""


def _as_it_is(_: Stage) -> AbstractAsyncContextManager[None]:
    return nullcontext()


@dataclass(frozen=True)
class Row:
    """`fault` breaks something and mends it. `setting` prepares the stage before its Redis starts.

    `lacks`: why the row can't be played on this machine, or "". `not_on`: why it makes no sense there. `refuses`:
    whether Redis may refuse the publisher, which is told then. `for_control`: whether the naive server can be put
    through it. `fails_over`: where another server takes over, so that the longest silence is a promise.
    """

    name: str
    title: str
    fault: Fault
    setting: Callable[[Stage], AbstractAsyncContextManager[None]] = _as_it_is
    lacks: Callable[[], str] = _never
    refuses: bool = False
    for_control: bool = True
    not_on: Mapping[Topology, str] = field(default_factory=dict)
    fails_over: Collection[Topology] = ()

    def why_not(self, topology: Topology) -> str:
        """Why it isn't played there, or ""."""
        return self.not_on.get(topology) or self.lacks()
