"""One process that runs many jobs, phase after phase."""

import time
from multiprocessing.connection import Connection

from simulcast.job_handle import SyncJob

REPORTS_S = 1.0  # of each job


def run_jobs(url: str, process: int, count: int, pipe: Connection) -> None:
    """Carry out the phases that come through the pipe, and answer each with the CPU seconds that it took."""
    jobs = [SyncJob(f"{process}-{number}", "benchmark", url=url) for number in range(count)]
    while phase := pipe.recv():
        begun_s = time.process_time()
        if phase == "begin":
            for job in jobs:
                job.__enter__()
        elif phase == "end":
            for job in jobs:
                job.finish("complete")
        else:
            report(jobs, float(phase.partition(" ")[2]), is_silent=phase.startswith("idle"))
        pipe.send(time.process_time() - begun_s)


def report(jobs: list[SyncJob], seconds: float, *, is_silent: bool) -> None:
    """Let each job report REPORTS_S times a second, spread over the second, or none."""
    for second in range(round(seconds)):
        until_s = time.monotonic() + 1
        for number, job in enumerate(jobs):
            if not is_silent:
                job.progress(done=second, total=round(seconds), unit="s")
            if number % 50 == 49:
                time.sleep(max(0.0, until_s - 1 + number / len(jobs) - time.monotonic()))
        time.sleep(max(0.0, until_s - time.monotonic()))
