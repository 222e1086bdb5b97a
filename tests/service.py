"""The real programs as processes of their own, on ports of their own."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import ClassVar, Self

import websockets
from websockets.asyncio.client import ClientConnection

from tests.conditions import DEADLINE_S, eventually
from tests.ports import free_port

ROOT = Path(__file__).parents[1]
STOP_S = 30


class Program:
    """One process; its output goes to `log`."""

    def __init__(self, command: list[str], log: Path, **environment: str) -> None:
        self.log = log
        with log.open("ab") as output:
            self.process = subprocess.Popen(
                [sys.executable, *command],
                cwd=ROOT,
                env={**os.environ, **environment},
                process_group=0,
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    def signal(self, number: int) -> None:
        os.kill(self.process.pid, number)

    def kill(self) -> None:
        self.signal(signal.SIGKILL)
        self.process.wait(timeout=STOP_S)

    def stop(self) -> int:
        """Send SIGTERM; return the exit code. A process that goes on is killed, and fails its test."""
        if self.process.poll() is None:
            self.signal(signal.SIGCONT)
            self.signal(signal.SIGTERM)
        try:
            return self.process.wait(timeout=STOP_S)
        except subprocess.TimeoutExpired:
            self.kill_all()
            raise AssertionError(f"it went on for {STOP_S} s after SIGTERM: {self.output()}") from None

    def kill_all(self) -> None:
        """Kill the process, unless it has ended, and the children that it left behind."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(timeout=STOP_S)

    @property
    def rss_bytes(self) -> int:
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.partition("VmRSS:")[2].split()[0]) * 1024

    @property
    def descriptors(self) -> int:
        """How many files and sockets are open."""
        return len(list(Path(f"/proc/{self.process.pid}/fd").iterdir()))

    def output(self) -> str:
        return self.log.read_text(errors="replace")


def _limited_to(descriptors: int) -> Sequence[str]:
    """Return arguments that run a front-end with so many files and sockets."""
    return (
        "-c",
        f"import resource, runpy; resource.setrlimit(resource.RLIMIT_NOFILE, ({descriptors}, {descriptors})); "
        "runpy.run_module('app', run_name='__main__')",
    )


class FrontEnd(Program):
    """`descriptors`: how many files and sockets it may open; 0 for as many as the machine lets it."""

    descriptors: ClassVar[int] = 0
    program: ClassVar[Sequence[str]] = ("-m", "app")

    def __init__(
        self,
        redis_url: str,
        log: Path,
        *,
        raw: bool = True,
        root_path: str = "",
        port: int = 0,
        **environment: str,
    ) -> None:
        """`raw`: the front-end, or plain uvicorn; `port`: that of one that is to be replaced, else a free one."""
        self.redis_url = redis_url
        self.port = port or free_port()
        program = _limited_to(self.descriptors) if self.descriptors else self.program
        command = program if raw else ("-m", "uvicorn", "app.main:app", "--port", str(self.port))
        settings = {"REDIS_URL": redis_url, "SIMULCAST_PORT": str(self.port)} | environment
        super().__init__([*command, "--root-path", root_path], log, **settings)

    @property
    def ws(self) -> str:
        return f"ws://127.0.0.1:{self.port}/ws"

    async def ready(self, deadline_s: float = DEADLINE_S) -> Self:
        async def answers() -> bool:
            assert self.process.poll() is None, self.output()
            return (await self.get("/ready"))[0] == 200

        await eventually(answers, "readiness", deadline_s)
        return self

    async def get(self, path: str) -> tuple[int, dict[str, object]]:
        return await asyncio.to_thread(self._ask, path, None)

    async def post(self, path: str, body: object) -> tuple[int, dict[str, object]]:
        return await asyncio.to_thread(self._ask, path, json.dumps(body).encode())

    async def patch(self, path: str, body: object) -> tuple[int, dict[str, object]]:
        return await asyncio.to_thread(self._ask, path, json.dumps(body).encode(), "PATCH")

    async def delete(self, path: str) -> tuple[int, dict[str, object]]:
        return await asyncio.to_thread(self._ask, path, None, "DELETE")

    def _ask(self, path: str, body: bytes | None, method: str | None = None) -> tuple[int, dict[str, object]]:
        address = f"http://127.0.0.1:{self.port}{path}"
        request = urllib.request.Request(address, body, {"content-type": "application/json"}, method=method)
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.loads(error.read() or b"{}")
        except OSError as error:
            return 0, {"detail": str(error)}

    async def connect(self, query: str = "") -> ClientConnection:
        return await websockets.connect(self.ws + query, max_size=None, proxy=None)


class LimitedFrontEnd(FrontEnd):
    descriptors = 80


class Worker(Program):
    """`module`: what runs in place of the worker; `dies_at`: see dying_worker.py."""

    def __init__(
        self,
        redis_url: str,
        log: Path,
        folder: Path,
        *,
        module: str = "workers",
        dies_at: str = "",
        **environment: str,
    ) -> None:
        settings = {
            "REDIS_URL": redis_url,
            "SIMULCAST_DOWNLOAD_DIR": str(folder),
            "SIMULCAST_ALLOW_NETWORKS": "127.0.0.0/8",
        }
        command = ["-m", "tests.system.dying_worker", dies_at] if dies_at else ["-m", module]
        super().__init__(command, log, **(settings | environment))


async def collect(connection: ClientConnection, until: str, deadline_s: float = 60) -> list[str]:
    """Return every text up to and with the first that contains `until`."""
    found: list[str] = []
    async with asyncio.timeout(deadline_s):
        while True:
            text = await connection.recv()
            assert isinstance(text, str)
            found.append(text)
            if until in text:
                return found
