"""The simulated jobs of `simulcast demo`: what each does, and when. Decides; does no I/O."""

import random
from dataclasses import dataclass

MAX_START_DELAY = 0.3  # of the whole time, until the last one starts
_SUBJECTS = ("aurora", "coastline", "field-notes", "harbour", "lecture", "meadow", "night-sky", "orchestra", "survey")
_KINDS = (
    ("render", "-2160p.mkv", "frames", 5_000, ("decoding", "first pass", "second pass")),
    ("backup", "-archive.tar.zst", "B", 2_000_000_000, ("packing", "uploading", "verifying")),
    ("import", "-2026.csv", "rows", 400_000, ("reading", "checking", "writing")),
    ("scan", "-scans.pdf", "pages", 300, ("straightening", "reading the text")),
    ("train", "-model.bin", "", 0, ("warming up", "training", "evaluating")),
)


@dataclass(frozen=True, slots=True)
class SimulatedJob:
    """One job. Times are seconds from the beginning; `total` is 0 for one that tells a fraction alone.

    `fails_at`: the fraction at which it fails, or None.
    """

    job_id: str
    kind: str
    name: str
    unit: str
    total: int
    phases: tuple[str, ...]
    starts_s: float
    ends_s: float
    fails_at: float | None

    def message_at(self, fraction: float) -> str:
        """Return what it does at that fraction of its work, below 1.0."""
        return self.phases[int(fraction * len(self.phases))]


def plan_jobs(jobs: int, seconds: float, rng: random.Random) -> list[SimulatedJob]:
    """Plan jobs that all end within `seconds`. One of several fails."""
    run = f"{rng.getrandbits(24):06x}"
    planned = []
    for number in range(1, jobs + 1):
        kind, suffix, unit, size, phases = _KINDS[number % len(_KINDS)]
        planned.append(
            SimulatedJob(
                job_id=f"demo-{run}-{number}",
                kind=kind,
                name=f"{rng.choice(_SUBJECTS)}-{number:02d}{suffix}",
                unit=unit,
                total=round(size * rng.uniform(0.3, 1.0)),
                phases=phases,
                starts_s=rng.uniform(0.01, MAX_START_DELAY) * seconds,
                ends_s=rng.uniform(0.7, 0.98) * seconds,
                fails_at=rng.uniform(0.4, 0.8) if jobs > 1 and number == jobs // 2 + 1 else None,
            )
        )
    return planned
