"""`simulcast up` as a process, with its output."""

import asyncio
import re
import signal
import sys
import urllib.request
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from tests.conditions import until
from tests.processes import children, is_alive

START_S = 60.0
UP = (sys.executable, "-m", "simulcast.cli", "up")


class RunningService:
    """A running `simulcast up`. `out` and `err` grow while it runs."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.out = self.err = ""

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def port(self) -> int:
        found = re.search(r"http://localhost:(\d+)/\n", self.out)
        assert found is not None, self.out
        return int(found[1])

    async def listen(self) -> None:
        """Gather its output until it is closed."""
        assert self._process.stdout is not None and self._process.stderr is not None
        async with asyncio.TaskGroup() as group:
            group.create_task(self._gather(self._process.stdout, "out"))
            group.create_task(self._gather(self._process.stderr, "err"))

    async def _gather(self, stream: asyncio.StreamReader, name: str) -> None:
        while text := await stream.read(65536):
            setattr(self, name, getattr(self, name) + text.decode())

    async def up(self) -> None:
        await until(lambda: "Ctrl-C stops it" in self.out or self._process.returncode is not None, "up", START_S)
        assert self._process.returncode is None, self.out + self.err

    def signal(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    async def ended(self) -> int:
        async with asyncio.timeout(START_S):
            return await self._process.wait()

    async def stop(self) -> int:
        self.signal(signal.SIGINT)
        return await self.ended()

    def processes(self) -> set[int]:
        return children(self.pid)


@asynccontextmanager
async def service(
    folder: Path, environment: dict[str, str], *arguments: str, command: Sequence[str] = UP
) -> AsyncIterator[RunningService]:
    """Run `simulcast up` in `folder` on a free port; in the end, kill it and all that it started."""
    process = await asyncio.create_subprocess_exec(
        *(*command, "--port", "0", *arguments),
        cwd=folder,
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    found = RunningService(process)
    listening = asyncio.create_task(found.listen())
    try:
        yield found
    finally:
        started = found.processes() if process.returncode is None else set[int]()
        if process.returncode is None:
            process.kill()
        await process.wait()
        await until(lambda: not any(map(is_alive, started)), "the end of all that it started")
        async with asyncio.timeout(START_S):
            await listening


def responds(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310
            return bool(answer.status == 200)
    except OSError:
        return False
