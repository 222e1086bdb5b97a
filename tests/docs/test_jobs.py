"""The programs of the page on jobs run as they stand, and clients receive what it says."""

import asyncio
import os
import sys
from pathlib import Path

import pytest

from tests.documents import blocks
from tests.jobs import history_at
from tests.service import ROOT
from tests.valkey import Valkey

PYTHON = blocks("docs/jobs.md", "python")
ENDS = ["render-7", "import-3", "import-4", "resize-1", "report-5"]


@pytest.mark.parametrize("number", range(len(PYTHON)))
async def test_a_program_shows_its_job(number: int, own_valkey: Valkey, tmp_path: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", PYTHON[number]),
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT), "REDIS_URL": own_valkey.url},
        stderr=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.DEVNULL,
    )
    async with asyncio.timeout(60):
        _, errors = await process.communicate()
    assert (process.returncode, errors) == (0, b"")
    events = await history_at(own_valkey.url)
    assert [(event["type"], event["job_id"]) for event in events][-1] == ("job_complete", ENDS[number])
    assert [event["type"] for event in events if event["type"] != "job_progress"].count("job_started") == 1
