"""What the leases and the progress of many jobs cost Redis and their processes; writes results/jobs.md.

python -m benchmarks.jobs [--seconds 20]
"""

import argparse
import multiprocessing
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

import redis

from benchmarks import quiet, valkey
from benchmarks.__main__ import RESULTS, facts
from benchmarks.jobs.process import REPORTS_S, run_jobs
from benchmarks.results_page import write_page

RUNS = ((1, 1_000), (10, 1_000))  # processes, jobs of each


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one phase: commands that clients sent, CPU of Redis and of all processes, for its length."""

    jobs: int
    seconds: float
    calls: int
    redis_s: float
    process_s: float

    def row(self, name: str) -> str:
        """Return a row of the table: for each job and second, but for `calls/s`."""
        each = self.jobs * self.seconds
        return (
            f"| {name} | {self.jobs:,} | {self.calls / self.seconds:,.0f} | {self.calls / each:.3f} | "
            f"{1e6 * self.redis_s / each:.1f} | {1e6 * self.process_s / each:.1f} |"
        )


def measure(pipes: list[Connection], phase: str, jobs: int, client: redis.Redis) -> Cost:
    """Let all processes carry out one phase."""
    before, begun_s = counters(client), time.monotonic()
    for pipe in pipes:
        pipe.send(phase)
    process_s = sum(pipe.recv() for pipe in pipes)
    after = counters(client)
    calls, redis_s = (after[name] - before[name] for name in ("calls", "cpu"))
    return Cost(jobs, time.monotonic() - begun_s, round(calls), redis_s, process_s)


def counters(client: redis.Redis) -> Mapping[str, float]:
    """Read the calls of functions, and the CPU seconds of the server."""
    calls = client.info("commandstats").get("cmdstat_fcall", {}).get("calls", 0)
    cpu = client.info("cpu")
    return {"calls": calls, "cpu": cpu["used_cpu_user"] + cpu["used_cpu_sys"]}


def run(processes: int, count: int, seconds: float) -> list[str]:
    """Return the rows of one number of processes."""
    context = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory(prefix="jobs-") as folder, valkey.running(Path(folder), "1") as (_, client):
        url = f"redis://127.0.0.1:{client.connection_pool.connection_kwargs['port']}/0"
        pairs = [context.Pipe() for _ in range(processes)]
        started = [
            context.Process(target=run_jobs, args=(url, number, count, child), daemon=True)
            for number, (_, child) in enumerate(pairs)
        ]
        for process in started:
            process.start()
        pipes, jobs = [pipe for pipe, _ in pairs], processes * count
        begun = measure(pipes, "begin", jobs, client)
        phases = [(phase, measure(pipes, f"{phase} {seconds}", jobs, client)) for phase in ("idle", "busy")]
        ended = measure(pipes, "end", jobs, client)
        for pipe, process in zip(pipes, started, strict=True):
            pipe.send("")
            process.join(10)
        names = {"idle": "leases alone", "busy": f"and {REPORTS_S:g} report/s of each"}
        once = begun.redis_s + ended.redis_s, begun.process_s + ended.process_s
        rows = [cost.row(f"{processes} × {count:,}, {names[phase]}") for phase, cost in phases]
        calls = (begun.calls + ended.calls) / jobs
        cells = (f"{calls:.3f} in all", f"{1e6 * once[0] / jobs:.0f} in all", f"{1e6 * once[1] / jobs:.0f} in all")
        return [*rows, f"| {processes} × {count:,}, begun and ended | {jobs:,} | – | {' | '.join(cells)} |"]


def main() -> int:
    """Return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.jobs", description=__doc__)
    parser.add_argument("--seconds", type=float, default=20.0, help="of each phase")
    parser.add_argument("--output", type=Path, default=RESULTS / "jobs.md", help="where the report goes")
    flags = parser.parse_args()
    notes, others = facts(1), quiet.Others()
    rows = [row for processes, count in RUNS for row in run(processes, count, flags.seconds)]
    notes.append(str(others))
    introduction = (
        ". Processes run so many jobs side by side, on a Valkey that appends to its disk every second. Calls and "
        "CPU (µs) are those of each job in a second."
    )
    body = [
        "| processes × jobs | jobs | calls/s | calls | CPU of Redis | CPU of the processes |",
        "|---|---:|---:|---:|---:|---:|",
        *rows,
    ]
    write_page(flags.output, "Jobs of any kind", parser.prog, introduction, notes, body)
    return 0


if __name__ == "__main__":
    sys.exit(main())
