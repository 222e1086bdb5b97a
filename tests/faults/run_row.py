"""One row of benchmarks/faults, run once."""

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
    result = await _run(row, folder, topology)
    assert result.is_good, "\n".join(result.complaints())


async def run_naive_server(row: Row, folder: Path) -> Result:
    """Run the row with the control in place of the front-ends."""
    return await _run(row, folder, naive=True)


async def _run(row: Row, folder: Path, topology: Topology = "single", naive: bool = False) -> Result:
    if why := row.why_not(topology):
        if os.environ.get("CI"):
            pytest.fail(f"CI plays every row: {why}")
        pytest.skip(why)
    return await play(row, LOAD, folder, topology, naive=naive)
