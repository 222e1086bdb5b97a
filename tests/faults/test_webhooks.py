"""The row of the sender of webhooks, without clients and downloads: `make faults` plays it with them."""

import asyncio
from pathlib import Path

import pytest

from benchmarks.faults.publish import Load
from benchmarks.faults.stage import Stage
from benchmarks.faults.trial import WORKERS
from tests.faults.trials import ALONE


@pytest.mark.timeout(400)
async def test_whatever_a_sender_is_killed_in_each_end_is_told(tmp_path: Path) -> None:
    ((row,),), stage = ALONE, Stage(tmp_path)
    async with row.setting(stage):
        try:
            await asyncio.to_thread(stage.start_servers)
            for _ in range(WORKERS):
                stage.start_worker()
            stage.start_publisher(Load(rate=60, progress=1))
            await stage.publishing()
            await row.fault(stage)
        finally:
            await asyncio.to_thread(stage.close)
    assert stage.wrong == []
    assert "ends told" in stage.notes[0]
