"""Rows of the table of faults, in turn: a cluster whose masters go, and a slot that moves."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from benchmarks.faults.row import Row
from tests.faults.run_row import assert_nothing_lost, names
from tests.faults.trials import CLUSTER


@pytest.mark.timeout(400)
@pytest.mark.parametrize("rows", CLUSTER, ids=names)
async def test_no_state_event_is_lost_and_no_gap_goes_unannounced(rows: Sequence[Row], tmp_path: Path) -> None:
    await assert_nothing_lost(rows, tmp_path, "cluster")
