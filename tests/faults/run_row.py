"""Rows of benchmarks/faults, one after the other on one stage.

Rows that are wrong are played once more, and the log says what was wrong: on a busy machine an old master may serve
on beside the new one for a second or two, and changes of state of that time come twice or not at all at one front-end.
"""

import asyncio
import logging
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.faults.publish import Load
from benchmarks.faults.row import Row
from benchmarks.faults.stage import Stage
from benchmarks.faults.topology import Topology
from benchmarks.faults.trial import BETWEEN_S, Result, play

LOAD = Load(progress=1, others=1)  # nothing is left out of the others, so conflation pardons little


def names(rows: Sequence[Row]) -> str:
    """Return what a trial of these rows is called."""
    return " ".join(row.name for row in rows)


async def assert_nothing_lost(rows: Sequence[Row], folder: Path, topology: Topology = "single") -> None:
    """Assert that every client got every state event once and in order, or was told of the gap."""
    row = _in_turn(rows)
    result = await _run(row, folder / "first", topology)
    if not result.is_good:
        logging.getLogger(__name__).warning("%s is played again: %s", row.name, "\n".join(result.complaints()))
        result = await _run(row, folder / "second", topology)
    assert result.is_good, "\n".join(result.complaints())


async def run_naive_server(row: Row, folder: Path) -> Result:
    """Run the row with the control in place of the front-ends."""
    return await _run(row, folder, naive=True)


def _in_turn(rows: Sequence[Row]) -> Row:
    async def fault(stage: Stage) -> None:
        await rows[0].fault(stage)
        for row in rows[1:]:
            await stage.healed()
            await asyncio.sleep(BETWEEN_S)
            await asyncio.to_thread(stage.mend)
            await row.fault(stage)

    def lacks() -> str:
        return next(filter(None, (row.lacks() for row in rows)), "")

    return replace(rows[0], name=names(rows), fault=fault, lacks=lacks)


async def _run(row: Row, folder: Path, topology: Topology = "single", naive: bool = False) -> Result:
    if why := row.why_not(topology):
        if os.environ.get("CI"):
            pytest.fail(f"CI plays every row: {why}")
        pytest.skip(why)
    folder.mkdir(exist_ok=True)
    return await play(row, LOAD, folder, topology, naive=naive)
