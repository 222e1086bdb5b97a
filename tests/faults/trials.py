"""Which rows of benchmarks/faults the tests play one after the other on one stage: to start it costs more than a fault.

Rows that prepare the stage or let Redis refuse have one of their own.
"""

from collections.abc import Sequence

from benchmarks.faults.row import Row
from benchmarks.faults.rows import ROWS

BY_NAME = {row.name: row for row in ROWS}


def _rows(*trials: str) -> list[Sequence[Row]]:
    return [[BY_NAME[name] for name in trial.split()] for trial in trials]


SINGLE = _rows(
    "redis-kill front-end-stop worker-kill",
    "redis-stop front-end-kill deaf",
    "pubsub-kill pubsub-overrun front-end-files worker-stop",
    "unreachable half-open front-end-rolling",
)
PREPARED = _rows(
    "redis-kill-everysec", "reply-lost", "disk-full-everysec", "disk-full-always", "out-of-memory", "clock"
)
SENTINEL = _rows("sentinel-kill sentinel-cut sentinel-handover")
CLUSTER = _rows("cluster-kill cluster-handover", "cluster-cut cluster-move")
ALONE = _rows("sender-kill")  # without clients and downloads
