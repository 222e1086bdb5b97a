"""The events of simulated downloads, as workers would publish them, with their times. Decides; does no I/O."""

import heapq
import random
from collections.abc import Iterator
from dataclasses import dataclass

from simulcast.model.events import JsonObject

PROGRESS_INTERVAL_S = 0.25
MAX_START_DELAY = 0.3  # of the whole time, until the last one starts
_SUBJECTS = ("aurora", "coastline", "field-notes", "harbour", "lecture", "meadow", "night-sky", "orchestra", "survey")
_KINDS = ("-1080p.mp4", "-2160p.mkv", "-amd64.iso", "-archive.tar.zst", "-photos.zip", "-recording.flac", "-scans.pdf")


@dataclass(frozen=True, slots=True)
class TimedEvent:
    """An event and when it is due, in seconds from the beginning."""

    at_s: float
    event: JsonObject


def make_timeline(downloads: int, seconds: float, rng: random.Random) -> Iterator[TimedEvent]:
    """Yield all events of `downloads` simulated downloads in order of time, the last within `seconds`.

    One of several downloads ends with an error.
    """
    failing = downloads // 2 if downloads > 1 else None
    run = f"{rng.getrandbits(24):06x}"
    return heapq.merge(
        *(
            _one(f"demo-{run}-{number + 1}", name, seconds, number == failing, random.Random(rng.random()))  # noqa: S311
            for number, name in enumerate(_names(downloads, rng))
        ),
        key=lambda timed: timed.at_s,
    )


def _names(downloads: int, rng: random.Random) -> list[str]:
    return [f"{rng.choice(_SUBJECTS)}-{number:02d}{rng.choice(_KINDS)}" for number in range(1, downloads + 1)]


def _one(download_id: str, name: str, seconds: float, fails: bool, rng: random.Random) -> Iterator[TimedEvent]:
    starts_s = rng.uniform(0.02, MAX_START_DELAY) * seconds
    ends_s = rng.uniform(0.7, 0.99) * seconds
    steps = max(2, round((ends_s - starts_s) / PROGRESS_INTERVAL_S))
    step_s = (ends_s - starts_s) / steps
    speeds = _speeds(steps, rng)
    total = round(sum(speeds) * step_s)
    description: dict[str, object] = {"name": name, "url": f"https://demo.invalid/{name}"}

    def event_at(at_s: float, kind: str, received: float, speed: int, **members: object) -> TimedEvent:
        state = {**description, "change": {"queued": 1, "started": 2}.get(kind, 3)} if kind != "progress" else {}
        sizes = {"received_bytes": round(received), "total_bytes": None if kind == "queued" else total}
        progress = {"progress": min(received / total, 1.0), "speed": speed}
        event = {"type": f"download_{kind}", "download_id": download_id, "attempt": 1}
        return TimedEvent(at_s, {**event, **state, **progress, **sizes, **members})

    yield event_at(rng.uniform(0, 0.5) * starts_s, "queued", 0, 0)
    yield event_at(starts_s, "started", 0, 0)
    received, fails_at = 0.0, round(steps * rng.uniform(0.4, 0.8)) if fails else None
    for step, speed in enumerate(speeds, 1):
        at_s = starts_s + step * step_s
        if step == fails_at:
            yield event_at(at_s, "error", received, 0, error_message="demo.invalid closed the connection (simulated)")
            return
        received += speed * step_s
        yield event_at(at_s, "progress", total if step == steps else received, round(speed))
    yield event_at(ends_s + 0.005 * seconds, "complete", total, 0, file_path=f"/downloads/{name}")


def _speeds(steps: int, rng: random.Random) -> list[float]:
    """Return bytes per second for each step: a slow start, then a random walk around the bandwidth."""
    bandwidth = 10 ** rng.uniform(6.0, 7.6)
    speed = bandwidth
    speeds: list[float] = []
    for step in range(steps):
        speed += 0.2 * (bandwidth - speed) + bandwidth * rng.gauss(0, 0.08)
        speeds.append(max(speed, 0.05 * bandwidth) * min(1.0, (step + 1) / 6))
    return speeds
