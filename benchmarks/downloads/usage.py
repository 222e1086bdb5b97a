"""What a program took: wall time, CPU and memory, its children's included."""

import os
import resource
import subprocess
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.processes import family

MAX_S = 300.0  # for one run
_LOOK_S = 0.02


@dataclass(frozen=True, slots=True)
class Usage:
    """`wall_s`: to the last file's end. `disk_s`, `cpu_s`: until the files were on the disk. `peak_bytes`: the largest
    resident sizes of the processes, added up; what they share is counted in each of them."""

    wall_s: float
    disk_s: float
    cpu_s: float
    peak_bytes: float

    def __str__(self) -> str:
        times = f"{self.wall_s:.2f} s, on the disk {self.disk_s:.2f} s, CPU {self.cpu_s:.2f} s"
        return f"{times}, {self.peak_bytes / 1024**2:.0f} MB"


class Peak:
    """The largest resident size so far of each process; asked often, since one that ended can't be asked any more."""

    def __init__(self) -> None:
        self._largest: dict[int, int] = {}

    def look(self, pids: Iterable[int]) -> None:
        for pid in pids:
            try:
                status = Path(f"/proc/{pid}/status").read_text()
            except (FileNotFoundError, ProcessLookupError):
                continue
            _, found, rest = status.partition("VmHWM:")  # one that has ended, but is not waited for, has none
            if found:
                self._largest[pid] = max(self._largest.get(pid, 0), int(rest.split()[0]) * 1024)

    @property
    def bytes(self) -> int:
        return sum(self._largest.values())


def run(command: Sequence[str], files: Sequence[Path]) -> Usage:
    """Runs it to its end, then sees that `files` are on the disk. Raises RuntimeError if it fails, TimeoutExpired."""
    before, began = _children_s(), time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        with _watched(process.pid) as peak:
            said, _ = process.communicate(timeout=MAX_S)
    finally:
        process.kill()
        process.wait()
    wall_s = time.perf_counter() - began
    if process.returncode:
        raise RuntimeError(f"{command[0]} ended with {process.returncode}: {said.strip()[-300:]}")
    disk_s, disk_cpu_s = seconds_to_disk(files)
    return Usage(wall_s, wall_s + disk_s, _children_s() - before + disk_cpu_s, peak.bytes)


def _children_s() -> float:
    """CPU seconds of what this process has started and waited for."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def seconds_to_disk(files: Sequence[Path]) -> tuple[float, float]:
    """Sees that the files, and their names, survive a power cut. Returns wall and CPU seconds."""
    began, cpu_began = time.perf_counter(), time.thread_time()
    for path in [*files, *{path.parent for path in files}]:
        opened = os.open(path, os.O_RDONLY)
        try:
            os.fsync(opened)
        finally:
            os.close(opened)
    return time.perf_counter() - began, time.thread_time() - cpu_began


@contextmanager
def _watched(pid: int) -> Iterator[Peak]:
    peak, ended = Peak(), threading.Event()

    def watch() -> None:
        while not ended.wait(_LOOK_S):
            peak.look(family(pid))

    watcher = threading.Thread(target=watch, name="peak")
    watcher.start()
    try:
        yield peak
    finally:
        ended.set()
        watcher.join()
