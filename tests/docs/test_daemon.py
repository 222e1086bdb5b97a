"""The guide's line of docs/daemon.md, in a process of its own, with either daemon."""

import asyncio
import sys
from pathlib import Path

import pytest

from tests.contract_examples import parse_members
from tests.documents import blocks
from tests.service import ROOT, FrontEnd, collect

WORKER, ONE_LINE = blocks("docs/daemon.md", "python")
EMBEDDED = blocks("docs/embedding.md", "python")[1]
EVENT = {"type": "download_progress", "download_id": "12345", "progress": 0.75, "speed": 1024000}


@pytest.mark.parametrize("daemon", [ONE_LINE, EMBEDDED], ids=["one line", "an application"])
async def test_a_worker_that_imports_it_from_the_daemon_reaches_every_client(
    shared_front_end: FrontEnd, tmp_path: Path, daemon: str
) -> None:
    folder = tmp_path / "lib/backend/daemon"
    folder.mkdir(parents=True)
    (folder / "daemon_main.py").write_text(daemon, encoding="utf-8")
    environment = {"REDIS_URL": shared_front_end.redis_url, "PYTHONPATH": f"{tmp_path}:{ROOT}"}
    async with await shared_front_end.connect() as client:
        worker = await asyncio.create_subprocess_exec(sys.executable, "-c", WORKER, cwd=tmp_path, env=environment)
        async with asyncio.timeout(60):
            assert await worker.wait() == 0
        event = parse_members((await collect(client, "download_progress"))[-1].encode())
    assert {name: value for name, value in event.items() if name != "event_id"} == EVENT
