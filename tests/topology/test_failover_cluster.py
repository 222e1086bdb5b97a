"""What failover promises, with a cluster."""

import pytest

from tests.topologies import Cluster
from tests.topology.failover import Failover


@pytest.mark.timeout(180)
@pytest.mark.parametrize("group", [Cluster], indirect=True)
class TestCluster(Failover):
    pass
