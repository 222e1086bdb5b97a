"""What failover promises, with Sentinels."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.topologies import Sentinels
from tests.topology.failover import Failover


@pytest.fixture
def group(tmp_path: Path) -> Iterator[Sentinels]:
    """One that the test may break."""
    with Sentinels(tmp_path / "group").running() as found:
        yield found


@pytest.mark.timeout(180)
class TestSentinels(Failover):
    pass
