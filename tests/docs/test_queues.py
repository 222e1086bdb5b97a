"""The programs of the pages on task queues run as they stand, and clients receive what they report."""

import os
from pathlib import Path

import pytest

from tests.conditions import eventually
from tests.documents import blocks
from tests.jobs import history_at
from tests.older_redis import libraries
from tests.service import ROOT, Program
from tests.valkey import Valkey

WORKERS = {
    "arq": ("arq", "render.WorkerSettings"),
    "dramatiq": ("dramatiq", "render", "--processes", "1"),
    "taskiq": ("taskiq", "worker", "render:broker", "--workers", "1"),
}
OLDER_REDIS = {"arq"}


@pytest.mark.long
@pytest.mark.parametrize("queue", WORKERS)
async def test_the_bar_of_a_task_moves(queue: str, own_valkey: Valkey, tmp_path: Path) -> None:
    render, enqueue = blocks(f"docs/{queue}.md", "python")
    assert len([line for line in render.splitlines() if line]) < 15
    (tmp_path / "render.py").write_text(render, encoding="utf-8")
    (tmp_path / "enqueue.py").write_text(enqueue, encoding="utf-8")
    path = os.pathsep.join([str(tmp_path), libraries() if queue in OLDER_REDIS else str(ROOT)])
    environment = {"PYTHONPATH": path, "REDIS_URL": own_valkey.url}
    worker = Program(["-m", *WORKERS[queue]], tmp_path / "worker.log", **environment)
    try:
        sent = Program([str(tmp_path / "enqueue.py")], tmp_path / "enqueue.log", **environment)
        assert sent.process.wait(timeout=60) == 0, sent.output()

        async def has_ended() -> bool:
            events = await history_at(own_valkey.url)
            return bool(events) and events[-1]["type"] == "job_complete"

        await eventually(has_ended, "the end of the task")
    finally:
        worker.kill_all()  # a plain worker of taskiq, too, goes on now and then after SIGTERM
    events = await history_at(own_valkey.url)
    assert [event["type"] for event in events if event["type"] != "job_progress"][-2:] == [
        "job_started",
        "job_complete",
    ]
    progress = [event["progress"] for event in events if event["type"] == "job_progress"]
    assert len(set(progress)) > 2
    assert (events[-1]["kind"], events[-1]["done"], events[-1]["unit"]) == ("render", 100, "frames")
