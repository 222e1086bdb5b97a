"""Plays one row of benchmarks/faults, once."""

import os
from pathlib import Path

import pytest

from benchmarks.faults.publish import Load
from benchmarks.faults.row import Row
from benchmarks.faults.topology import Topology
from benchmarks.faults.trial import Result, play

LOAD = Load(progress=1, others=1)  # nothing is left out of the others, so conflation pardons little


async def loses_nothing(row: Row, folder: Path, topology: Topology = "single") -> None:
    """Fails unless every client got every state event once and in order, or was told of the gap."""
    result = await _played(row, folder, topology)
    assert result.is_good, "\n".join(result.complaints())


async def naively(row: Row, folder: Path) -> Result:
    """The same with the control in the front-ends' place."""
    return await _played(row, folder, naive=True)


async def _played(row: Row, folder: Path, topology: Topology = "single", naive: bool = False) -> Result:
    if why := row.why_not(topology):
        if os.environ.get("CI"):
            pytest.fail(f"CI plays every row: {why}")
        pytest.skip(why)
    return await play(row, LOAD, folder, topology, naive=naive)
