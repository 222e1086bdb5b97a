import os
from pathlib import Path

import pytest

from tests.chaos.run import Plan, run


@pytest.mark.skipif("CI" not in os.environ, reason="CI runs it, for half a minute; here `make chaos` does, for three")
@pytest.mark.timeout(240)
async def test_whatever_is_killed_and_stalled_each_download_ends_once_and_its_file_is_right(tmp_path: Path) -> None:
    found = await run(Plan(seconds=14, downloads=30, workers=3, redis_restarts=1), tmp_path)
    assert found.kills + found.stalls > 3
    assert found.restarts == 1
    assert found.wrong == []
