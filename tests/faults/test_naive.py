"""The control: what a tutorial's server loses, the checker finds."""

from pathlib import Path

import pytest

from benchmarks.faults import front_ends, redis_server
from benchmarks.faults.row import Row
from tests.faults.run_row import run_naive_server

CONVICTED = {row.name: row for row in (*redis_server.ROWS, *front_ends.ROWS)}


@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", ["pubsub-kill", "front-end-kill"])
async def test_a_naive_server_loses_ends_of_downloads_and_is_convicted(name: str, tmp_path: Path) -> None:
    row: Row = CONVICTED[name]
    result = await run_naive_server(row, tmp_path)
    assert result.total("lost", "state") > 0
    assert not result.is_good
