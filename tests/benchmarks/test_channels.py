"""Very many channels, in small: all events arrive again, and memory is given back. It asserts no time."""

from pathlib import Path

import pytest

from benchmarks.channels import restart, visitors

pytestmark = pytest.mark.long


async def test_every_channel_gets_its_events_again_after_a_restart_and_costs_little_while_idle(tmp_path: Path) -> None:
    returned = await restart.measured(500, 0.01, 3, tmp_path)
    assert returned.calls_s < 40  # 20 heads a second, a heartbeat and what the measurement asks


async def test_clients_channels_and_views_that_came_and_left_leave_no_memory_behind(tmp_path: Path) -> None:
    visits = await visitors.measured(2, 2000, 400, tmp_path)
    assert visits.growth < 0.1
