"""What failover promises, with a cluster."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.topologies import Cluster
from tests.topology.failover import Failover


@pytest.fixture
def group(tmp_path: Path) -> Iterator[Cluster]:
    """One that the test may break."""
    with Cluster(tmp_path / "group").running() as found:
        yield found


@pytest.mark.timeout(180)
class TestCluster(Failover):
    pass
