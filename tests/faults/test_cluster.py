"""Rows of the table of faults: a cluster whose masters go, and a slot that moves."""

from pathlib import Path

import pytest

from benchmarks.faults.failover import CLUSTER_ROWS
from benchmarks.faults.row import Row
from tests.faults.run_row import assert_nothing_lost


@pytest.mark.timeout(300)
@pytest.mark.parametrize("row", CLUSTER_ROWS, ids=lambda row: row.name)
async def test_no_state_event_is_lost_and_no_gap_goes_unannounced(row: Row, tmp_path: Path) -> None:
    await assert_nothing_lost(row, tmp_path, "cluster")
