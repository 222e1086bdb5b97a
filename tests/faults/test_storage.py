"""Rows of the table of faults: a Redis without room."""

from pathlib import Path

import pytest

from benchmarks.faults.row import Row
from benchmarks.faults.storage import ROWS
from tests.faults.run_row import assert_nothing_lost


@pytest.mark.timeout(300)
@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
async def test_no_state_event_is_lost_and_no_gap_goes_unannounced(row: Row, tmp_path: Path) -> None:
    await assert_nothing_lost(row, tmp_path)
