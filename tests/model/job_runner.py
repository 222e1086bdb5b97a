"""A program that runs one job after the other, of few ids: `python -m tests.model.job_runner PLACE FOLDER`.

It writes each end that was acknowledged into a journal. Once there is a file `hold`, it runs each id once more, and
rests.
"""

import random
import sys
import time
from contextlib import suppress
from pathlib import Path

from simulcast.errors import SimulcastError
from simulcast.job_keeper import JobKeeper
from simulcast.sync import job, queue_job
from tests.asked_work import Failure

IDS = 4
LEASE_S = 2.0


def run(job_id: str, journal: Path, rng: random.Random) -> None:
    if rng.random() < 0.3:
        queue_job(job_id, kind="model")
    with job(job_id, kind="model") as running:
        ends = rng.choice(("complete", "complete", "error", "queued"))
        steps = rng.randrange(1, 12)
        try:
            for step in range(steps):
                running.progress(done=step, total=steps)
                running.raise_if_cancelled()
                time.sleep(rng.uniform(0.0, 0.1))
            if ends == "error":
                raise Failure("it failed")
            outcome = running.finish("queued" if ends == "queued" else "complete", "once more")
        except Failure:
            outcome = running.finish("error", "it failed")
        with journal.open("a") as lines:
            lines.write(f"{time.time()} {job_id} {running.attempt} {outcome}\n")


def main() -> None:
    JobKeeper.lease_s = LEASE_S
    place, folder, rng = sys.argv[1], Path(sys.argv[2]), random.Random()
    is_held = False
    while True:
        was_held, is_held = is_held, (folder / "hold").exists()
        for number in range(0 if was_held and is_held else IDS if is_held else 1):
            with suppress(SimulcastError):
                run(f"job-{place}-{number if is_held else rng.randrange(IDS)}", folder / f"journal-{place}", rng)
        time.sleep(rng.uniform(0.0, 0.1))


if __name__ == "__main__":
    main()
