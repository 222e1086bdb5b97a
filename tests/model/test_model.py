from pathlib import Path

import pytest

from tests.model.run import run
from tests.model.stage import TOPOLOGIES, Topology


@pytest.mark.long
@pytest.mark.timeout(400)
@pytest.mark.parametrize("topology", TOPOLOGIES)
async def test_after_random_commands_and_faults_records_clients_files_and_keys_are_what_the_answers_permit(
    topology: Topology, tmp_path: Path
) -> None:
    outcome = await run(topology, 1, 8, tmp_path, round_s=8)
    assert outcome.calls - outcome.unanswered > 20
    assert outcome.faults.total() > 3
    assert outcome.violations == [], outcome.text()
