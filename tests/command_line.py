"""A short folder for data (a socket's path has at most 107 bytes), and the command line as a user calls it."""

import asyncio
import io
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, chdir, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

import pytest

from simulcast.cli import main
from simulcast.launcher.embedded import EmbeddedServer
from simulcast.launcher.valkey_binary import find_server
from tests.service import ROOT


@dataclass(frozen=True, slots=True)
class Done:
    """Exit code and output of a command."""

    returncode: int
    stdout: str
    stderr: str


Command = Callable[..., Done]


@pytest.fixture(scope="session", autouse=True)
def ctrl_c_is_heard() -> None:
    """Handle SIGINT again: a shell lets its background jobs ignore it, and their children inherit that."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def folder() -> Iterator[Path]:
    found = Path(tempfile.mkdtemp(prefix="sc-", dir="/tmp")).resolve()
    yield found
    shutil.rmtree(found, ignore_errors=True)


@pytest.fixture
def environment() -> dict[str, str]:
    """This process's environment without settings of Simulcast, and with this checkout's modules."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("SIMULCAST_", "REDIS_URL"))}
    return kept | {"PYTHONPATH": str(ROOT), "COLUMNS": "200", "NO_COLOR": "1"}


@pytest.fixture
def simulcast(folder: Path, environment: dict[str, str]) -> Command:
    """Run `simulcast` in `folder` to its end, in a thread of this process: that takes a tenth of the time."""

    def run(*arguments: str, stdin: str = "", **settings: str) -> Done:
        out, err = io.StringIO(), io.StringIO()
        code = 0
        with (
            mock.patch.dict(os.environ, environment | settings, clear=True),
            mock.patch.object(sys, "stdin", io.StringIO(stdin)),
            chdir(folder),
            redirect_stdout(out),
            redirect_stderr(err),
            ThreadPoolExecutor(1) as thread,
        ):
            try:
                thread.submit(main, arguments).result(timeout=60)
            except SystemExit as ending:
                code = int(ending.code or 0)
        return Done(code, out.getvalue(), err.getvalue())

    return run


@pytest.fixture
def simulcast_process(folder: Path, environment: dict[str, str]) -> Command:
    """Run `simulcast` in `folder` to its end, as a process of its own."""

    def run(*arguments: str, stdin: str = "", **settings: str) -> Done:
        done = subprocess.run(
            [sys.executable, "-m", "simulcast.cli", *arguments],
            cwd=folder,
            env=environment | settings,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        return Done(done.returncode, done.stdout, done.stderr)

    return run


@pytest.fixture
async def embedded(folder: Path) -> AsyncIterator[EmbeddedServer]:
    """A running server in `folder`/data, where commands look for it."""
    async with EmbeddedServer(folder / "data", await find_server()) as server:
        yield server


@asynccontextmanager
async def command_process(
    folder: Path,
    environment: dict[str, str],
    *arguments: str,
    stdin: int = asyncio.subprocess.DEVNULL,
    stdout: int = asyncio.subprocess.PIPE,
) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "simulcast.cli", *arguments),
        cwd=folder,
        env=environment,
        stdin=stdin,
        stdout=stdout,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def wait_ended(process: asyncio.subprocess.Process, number: signal.Signals) -> tuple[int, str]:
    """Send the signal; return exit code and standard error."""
    process.send_signal(number)
    async with asyncio.timeout(30):
        _, err = await process.communicate()
        return await process.wait(), err.decode()


def assert_complaint(done: Done, code: int = 1) -> str:
    """Return the message to the user, which is one or two lines without a traceback."""
    assert (done.returncode, done.stdout) == (code, ""), done
    assert done.stderr.startswith("simulcast: ") and "Traceback" not in done.stderr, done
    assert done.stderr.count("\n") <= 2, done
    return done.stderr
