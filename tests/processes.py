"""Looking at processes of this machine, by id."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def is_alive(pid: int) -> bool:
    """Return True if the process runs. A process that ended and was not waited for does not run."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    if sys.platform == "linux":
        try:
            return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
        except FileNotFoundError:
            return False
    return True


def children(pid: int) -> set[int]:
    """Return the ids of the process's children, and of theirs. Linux only."""
    found: set[int] = set()
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            direct = {int(each) for each in task.read_text().split()}
        except FileNotFoundError:
            continue
        found |= direct.union(*(children(each) for each in direct))
    return found


@contextmanager
def pipe_that_was_closed() -> Iterator[int]:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "wb", buffering=0) as out:
        yield out.fileno()
