import asyncio
import errno
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from simulcast.errors import CommandError
from simulcast.launcher import supervisor as module
from simulcast.launcher.supervisor import SupervisedProcess
from tests.conditions import until
from tests.processes import is_alive

WAITS = "import time; time.sleep(60)"
ORDERLY = (
    "import signal, sys, time; signal.signal(signal.SIGTERM, lambda *_: (open('tidied', 'w'), sys.exit()));"
    "open('ready', 'w'); time.sleep(60)"
)
STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); open('deaf', 'w'); time.sleep(60)"

Run = Callable[..., SupervisedProcess]


class Running:
    """A child that notes its process ids in `folder`/pids."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.hurry = asyncio.Event()

    def child(self, code: str, name: str = "front-end 1") -> SupervisedProcess:
        note = f"import os; os.chdir({str(self.folder)!r}); print(os.getpid(), file=open('pids', 'a'))\n"
        return SupervisedProcess(name, [sys.executable, "-c", note + code], dict(os.environ), self.hurry)

    @property
    def pids(self) -> list[int]:
        path = self.folder / "pids"
        return [int(line) for line in path.read_text().splitlines()] if path.exists() else []

    @asynccontextmanager
    async def kept(self, child: SupervisedProcess) -> AsyncIterator["asyncio.Task[None]"]:
        task = asyncio.create_task(child.supervise())
        try:
            yield task
        finally:
            task.cancel()
            async with asyncio.timeout(30):
                await asyncio.gather(task, return_exceptions=True)


@pytest.fixture
def running(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Running:
    monkeypatch.setattr(module, "BASE_BACKOFF_S", 0.01)
    return Running(folder)


async def test_supervisor_restarts_a_process_and_logs_it(
    running: Running, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "HEALTHY_AFTER_S", 0.0)
    async with running.kept(running.child(WAITS)):
        for lives in (1, 2, 3, 4):
            await until(lambda lives=lives: len(running.pids) == lives, f"life {lives}")  # type: ignore[misc]
            os.kill(running.pids[-1], signal.SIGKILL)
        await until(lambda: len(running.pids) == 5, "life 5")
    assert "front-end 1 ended by itself (SIGKILL): restarting it" in caplog.text


async def test_supervisor_tries_again_where_the_system_has_no_room_for_a_process(
    running: Running, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    start, refusals = SupervisedProcess._start, [OSError(errno.EAGAIN, os.strerror(errno.EAGAIN))]

    async def start_later(child: SupervisedProcess) -> asyncio.subprocess.Process:
        if running.pids and refusals:
            raise refusals.pop()
        return await start(child)

    monkeypatch.setattr(SupervisedProcess, "_start", start_later)
    monkeypatch.setattr(module, "HEALTHY_AFTER_S", 0.0)
    async with running.kept(running.child(WAITS)):
        await until(lambda: running.pids, "the first life")
        os.kill(running.pids[-1], signal.SIGKILL)
        await until(lambda: len(running.pids) == 2, "the second life")
    assert not refusals and os.strerror(errno.EAGAIN) in caplog.text


async def test_supervisor_gives_up_a_process_that_never_starts(running: Running) -> None:
    async with running.kept(running.child("raise SystemExit(3)", "worker 2")) as task:
        with pytest.raises(CommandError, match=r"worker 2 could not start \(exit code 3, 3 times\)"):
            await asyncio.wait_for(asyncio.shield(task), 20)
    assert len(running.pids) == module.MAX_START_ATTEMPTS


async def test_supervisor_lets_a_process_end_by_itself(running: Running) -> None:
    async with running.kept(running.child(ORDERLY)):
        await until((running.folder / "ready").exists)
        assert is_alive(running.pids[0])
    assert not is_alive(running.pids[0])
    assert (running.folder / "tidied").exists()


async def test_supervisor_kills_a_process_after_the_time_out(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "STOP_TIMEOUT_S", 0.1)
    async with running.kept(running.child(STUBBORN)):
        await until((running.folder / "deaf").exists)
    assert not is_alive(running.pids[0])


async def test_supervisor_kills_a_process_immediately_in_a_hurry(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "STOP_TIMEOUT_S", 1000.0)
    async with running.kept(running.child(STUBBORN)) as task:
        await until((running.folder / "deaf").exists)
        task.cancel()
        await asyncio.sleep(0)
        assert is_alive(running.pids[0])
        running.hurry.set()
        await asyncio.wait([task], timeout=20)
        assert not is_alive(running.pids[0])


async def test_ctrl_c_in_the_terminal_does_not_reach_it(running: Running) -> None:
    async with running.kept(running.child(WAITS)):
        await until(lambda: running.pids)
        assert os.getsid(running.pids[0]) == running.pids[0] != os.getsid(0)


async def test_supervisor_names_a_program_that_cannot_run(running: Running, capfd: pytest.CaptureFixture[str]) -> None:
    child = SupervisedProcess("worker 1", ["/no/such/program"], {}, running.hurry)
    with pytest.raises(CommandError, match="worker 1 could not start"):
        await asyncio.wait_for(child.supervise(), 20)
    assert "can't run /no/such/program: No such file or directory" in capfd.readouterr().err
