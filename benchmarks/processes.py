"""Programs on a core of their own: started, watched in /proc, and ended by their process ids."""

import json
import os
import resource
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, cast

SERVER_CORE = "0"
CLIENT_CORE = "1"  # clients, publisher and Valkey share it
_TICKS = os.sysconf("SC_CLK_TCK")
SPARE_FILES = 200

Answer = dict[str, float]


class TooFewFiles(Exception):
    """`ulimit -n` is too low for that many connections."""


def allow_files(clients: int) -> None:
    """Lets this process and its children open that many connections. Raises TooFewFiles."""
    wanted = clients + SPARE_FILES
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < wanted:
        raise TooFewFiles(
            f"{clients:,} clients need {wanted:,} open files in the server, and the hard limit is {hard:,}: raise it "
            f"(ulimit -Hn {wanted} as root, LimitNOFILE= in systemd, --ulimit nofile={wanted} in Docker)"
        )
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


class Program:
    """One process; talks by lines where it was started with `talks`."""

    def __init__(
        self,
        command: Sequence[str],
        core: str,
        log: Path,
        *,
        cwd: Path | None = None,
        environment: Mapping[str, str] | None = None,
        talks: bool = False,
    ) -> None:
        self.log = log
        pipe = subprocess.PIPE if talks else subprocess.DEVNULL
        with log.open("wb") as errors:
            self._process = subprocess.Popen(
                ["taskset", "-c", core, *command],
                cwd=cwd,
                env={**os.environ, **(environment or {})},
                stdin=pipe,
                stdout=pipe,
                stderr=errors,
                text=True,
                bufsize=1,
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def ended(self) -> bool:
        return self._process.poll() is not None

    def say(self, line: str) -> None:
        cast(IO[str], self._process.stdin).write(line + "\n")

    def answer(self) -> Answer:
        """The next line, which is a JSON object. Raises EOFError when the process has ended."""
        line = cast(IO[str], self._process.stdout).readline()
        if not line:
            raise EOFError(f"the process ended: {self.last_words()}")
        return cast(Answer, json.loads(line))

    def last_words(self) -> str:
        """The end of what it wrote to stderr."""
        return self.log.read_text(errors="replace").strip()[-600:]

    def stop(self) -> None:
        """SIGTERM, and SIGKILL after 3 s."""
        if self._process.stdin:
            self._process.stdin.close()
        if not self.ended:
            self._process.terminate()
        try:
            self._process.wait(3)
        except subprocess.TimeoutExpired:
            for pid in family(self.pid):
                os.kill(pid, 9)
            self._process.wait(5)
        if self._process.stdout:
            self._process.stdout.close()

    def cpu_s(self) -> float:
        """CPU seconds so far, of the process and its children."""
        total = 0
        for pid in family(self.pid):
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            total += int(fields[11]) + int(fields[12])
        return total / _TICKS

    def memory_bytes(self) -> int:
        """Resident memory of the process and its children, with shared pages counted once."""
        total = 0
        for pid in family(self.pid):
            for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    total += int(line.split()[1]) * 1024
        return total


def family(pid: int) -> list[int]:
    """The process and all that descend from it."""
    found = [pid]
    for one in found:
        try:
            found += [int(child) for child in Path(f"/proc/{one}/task/{one}/children").read_text().split()]
        except FileNotFoundError:
            continue
    return found


def wait_for(condition: str, seconds: float, check: Callable[[], bool]) -> None:
    """Raises TimeoutError which names the condition."""
    deadline = time.monotonic() + seconds
    while not check():
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {seconds:.0f} s: {condition}")
        time.sleep(0.05)
