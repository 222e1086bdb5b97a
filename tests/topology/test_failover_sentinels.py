"""What failover promises, with Sentinels."""

import pytest

from tests.topologies import Sentinels
from tests.topology.failover import Failover


@pytest.mark.timeout(180)
@pytest.mark.parametrize("group", [Sentinels], indirect=True)
class TestSentinels(Failover):
    pass
