"""The page on Celery runs as it stands: its two commands, and both of its programs."""

import os
import sys
from pathlib import Path

import pytest

from tests.conditions import eventually
from tests.documents import blocks
from tests.jobs import history_at
from tests.service import ROOT, Program
from tests.valkey import Valkey

pytestmark = pytest.mark.long

PAGE = "docs/celery.md"
SECOND_TASK = 'python -c \'from tasks import copy; copy.delay(["a", "b"])\''


async def test_the_bar_of_a_task_moves(own_valkey: Valkey, tmp_path: Path) -> None:
    render, copy = blocks(PAGE, "python")
    assert len([line for line in render.splitlines() if line]) < 15
    broker = own_valkey.url.removesuffix("/0") + "/1"
    (tmp_path / "tasks.py").write_text(f"{render}\n{copy}".replace("redis://localhost:6379/1", broker))
    variables = {
        "REDIS_URL": own_valkey.url,
        "PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}",
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }
    _, worker, send = blocks(PAGE, "sh")

    def shell(command: str) -> Program:
        code = f"import os; os.chdir({str(tmp_path)!r}); os.execlp('bash', 'bash', '-euc', {'exec ' + command!r})"
        return Program(["-c", code], tmp_path / "log", **variables)

    running = shell(worker)
    try:
        for command in (send, SECOND_TASK):
            sent = shell(command)
            assert sent.process.wait(timeout=60) == 0, sent.output()

        async def have_ended() -> bool:
            return [event["type"] for event in await history_at(own_valkey.url)].count("job_complete") == 2

        await eventually(have_ended, "the ends of the tasks")
    finally:
        running.stop()
    events = await history_at(own_valkey.url)
    progress = [event["progress"] for event in events if event["type"] == "job_progress"]
    assert len(set(progress)) > 2
    ends = [(event["kind"], event["name"], event["done"]) for event in events if event["type"] == "job_complete"]
    assert sorted(ends) == [("tasks.copy", "tasks.copy", 2), ("tasks.render", "Holiday.mp4", 50)]
