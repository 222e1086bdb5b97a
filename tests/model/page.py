"""The report of several runs."""

import os
import platform
import time
from collections import Counter
from collections.abc import Sequence

from tests.model.run import Outcome

_LEGEND = """\
Clients add, pause, resume, cancel, retry, limit, delete and clear downloads at random, by REST and WebSocket, while
workers, front-ends and servers are killed, stalled and replaced. When all is at rest, a model says which states the
answers permit. *Violations* are differences between that and the records, the messages of clients that stayed and of
clients that join, the files in the folder, and the keys in Redis. In the end everything is deleted, and then no file
and no key of a download may be left."""


def page(outcomes: Sequence[Outcome], command: str) -> str:
    """Return the report of runs that the command made."""
    faults = sum((outcome.faults for outcome in outcomes), Counter[str]())
    lines = [
        "# Random commands and faults against a model",
        "",
        f"Made by `{command}`, on {time.strftime('%Y-%m-%d')}; {os.cpu_count()} "
        f"cores, {platform.system()} {platform.release()}, Python {platform.python_version()}.",
        "",
        _LEGEND,
        "",
        "| topology | seed | s | rounds | downloads | commands | without an answer | faults | violations |",
        "|---|---:|---:|---:|---:|---:|---:|---:|---:|",
        *map(_row, outcomes),
        "",
        "| fault | times |",
        "|---|---:|",
        *(f"| {fault} | {times} |" for fault, times in faults.most_common()),
        "",
        *(f"- {each.topology}, seed {each.seed}: {text}" for each in outcomes for text in each.violations),
    ]
    return "\n".join(lines).rstrip() + "\n"


def _row(outcome: Outcome) -> str:
    numbers = (
        outcome.seed,
        round(outcome.took_s),
        outcome.rounds,
        outcome.downloads,
        outcome.calls,
        outcome.unanswered,
    )
    cells = (outcome.topology, *numbers, outcome.faults.total(), len(outcome.violations))
    return f"| {' | '.join(map(str, cells))} |"
