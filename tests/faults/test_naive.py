"""The control: what a tutorial's server loses, the checker finds."""

from pathlib import Path

import pytest

from tests.faults.run_row import run_naive_server
from tests.faults.trials import BY_NAME


@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", ["pubsub-kill", pytest.param("front-end-kill", marks=pytest.mark.overnight)])
async def test_a_naive_server_loses_ends_of_downloads_and_is_convicted(name: str, tmp_path: Path) -> None:
    result = await run_naive_server(BY_NAME[name], tmp_path)
    assert result.total("lost", "state") > 0
    assert not result.is_good
