"""One row of benchmarks/faults.

A row that is wrong is played once more, and the log says what was wrong: on a busy machine an old master may serve
on beside the new one for a second or two, and changes of state of that time come twice or not at all at one front-end.
"""

import logging
import os
from pathlib import Path

import pytest

from benchmarks.faults.publish import Load
from benchmarks.faults.row import Row
from benchmarks.faults.topology import Topology
from benchmarks.faults.trial import Result, play

LOAD = Load(progress=1, others=1)  # nothing is left out of the others, so conflation pardons little


async def assert_nothing_lost(row: Row, folder: Path, topology: Topology = "single") -> None:
    """Assert that every client got every state event once and in order, or was told of the gap."""
    result = await _run(row, folder / "first", topology)
    if not result.is_good:
        logging.getLogger(__name__).warning("%s is played again: %s", row.name, "\n".join(result.complaints()))
        result = await _run(row, folder / "second", topology)
    assert result.is_good, "\n".join(result.complaints())


async def run_naive_server(row: Row, folder: Path) -> Result:
    """Run the row with the control in place of the front-ends."""
    return await _run(row, folder, naive=True)


async def _run(row: Row, folder: Path, topology: Topology = "single", naive: bool = False) -> Result:
    if why := row.why_not(topology):
        if os.environ.get("CI"):
            pytest.fail(f"CI plays every row: {why}")
        pytest.skip(why)
    folder.mkdir(exist_ok=True)
    return await play(row, LOAD, folder, topology, naive=naive)
