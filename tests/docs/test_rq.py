"""The page on RQ runs as it stands: its command, and its programs."""

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

PAGE = "docs/rq.md"


async def test_the_bar_of_a_job_moves(own_valkey: Valkey, tmp_path: Path) -> None:
    render, enqueue, subclass, copy = blocks(PAGE, "python")
    _, worker = blocks(PAGE, "sh")
    assert len([line for line in (render + enqueue).splitlines() if line]) < 15
    queue = own_valkey.url.removesuffix("/0") + "/1"
    send = enqueue.replace("Redis()", f"Redis.from_url({queue!r})")
    assert send != enqueue
    chosen = f"from films import FilmJob\n{send.replace('=TrackedJob', '=FilmJob')}"
    copies = send.replace('"frames.render", 50, ', '"frames.copy", ["a", "b"], ')
    programs = {"frames": f"{render}\n{copy}", "films": subclass, "enqueue": send, "copies": copies, "chosen": chosen}
    for name, text in programs.items():
        (tmp_path / f"{name}.py").write_text(text, encoding="utf-8")
    variables = {
        "REDIS_URL": own_valkey.url,
        "RQ_REDIS_URL": queue,
        "PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}",
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }
    log = tmp_path / "log"
    code = f"import os; os.chdir({str(tmp_path)!r}); os.execlp('bash', 'bash', '-euc', {'exec ' + worker!r})"
    running = Program(["-c", code], log, **variables)
    try:
        for name in ("enqueue", "copies", "chosen"):
            sent = Program([str(tmp_path / f"{name}.py")], log, **variables)
            assert sent.process.wait(timeout=60) == 0, sent.output()

        async def have_ended() -> bool:
            return [event["type"] for event in await history_at(own_valkey.url)].count("job_complete") == 3

        await eventually(have_ended, "the ends of the jobs")
    finally:
        running.stop()
    events = await history_at(own_valkey.url)
    progress = [event["progress"] for event in events if event["type"] == "job_progress"]
    assert len(set(progress)) > 2
    ends = [(event["kind"], event["name"], event["done"]) for event in events if event["type"] == "job_complete"]
    assert sorted(set(ends)) == [("frames.copy", "Holiday.mp4", 2), ("frames.render", "Holiday.mp4", 50)]
    assert [event["type"] for event in await history_at(own_valkey.url, "films")] == ["job_queued"]
