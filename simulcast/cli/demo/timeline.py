"""Downloads that don't happen: what their workers would have told, and when. Decides; does no I/O."""

import heapq
import random
from collections.abc import Iterator
from dataclasses import dataclass

from simulcast.model.events import JsonObject

PROGRESS_EVERY_S = 0.25
MAX_START_DELAY = 0.3  # of the whole time, until the last one starts
_SUBJECTS = ("aurora", "coastline", "field-notes", "harbour", "lecture", "meadow", "night-sky", "orchestra", "survey")
_KINDS = ("-1080p.mp4", "-2160p.mkv", "-amd64.iso", "-archive.tar.zst", "-photos.zip", "-recording.flac", "-scans.pdf")


@dataclass(frozen=True, slots=True)
class TimedEvent:
    """An event and when it is due, in seconds from the beginning."""

    at_s: float
    event: JsonObject


def timeline(downloads: int, seconds: float, chance: random.Random) -> Iterator[TimedEvent]:
    """All events of `downloads` simulated ones, in order of time, the last within `seconds`.

    Where there are several, one of them ends with an error.
    """
    names = _names(downloads, chance)
    failing = downloads // 2 if downloads > 1 else None
    run = f"{chance.getrandbits(24):06x}"
    return heapq.merge(
        *(
            _one(f"demo-{run}-{number + 1}", name, seconds, number == failing, random.Random(chance.random()))  # noqa: S311
            for number, name in enumerate(names)
        ),
        key=lambda moment: moment.at_s,
    )


def _names(downloads: int, chance: random.Random) -> list[str]:
    return [f"{chance.choice(_SUBJECTS)}-{number:02d}{chance.choice(_KINDS)}" for number in range(1, downloads + 1)]


def _one(download_id: str, name: str, seconds: float, fails: bool, chance: random.Random) -> Iterator[TimedEvent]:
    starts_s = chance.uniform(0.02, MAX_START_DELAY) * seconds
    ends_s = chance.uniform(0.7, 0.99) * seconds
    steps = max(2, round((ends_s - starts_s) / PROGRESS_EVERY_S))
    step_s = (ends_s - starts_s) / steps
    speeds = _speeds(steps, chance)
    total = round(sum(speeds) * step_s)
    about: dict[str, object] = {"download_id": download_id, "name": name, "url": f"https://demo.invalid/{name}"}

    def event_at(at_s: float, kind: str, received: float, speed: int, **members: object) -> TimedEvent:
        state = {} if kind == "progress" else {"change": {"queued": 1, "started": 2}.get(kind, 3)}
        whole = about if kind != "progress" else {"download_id": download_id}
        sizes = {"received_bytes": round(received), "total_bytes": None if kind == "queued" else total}
        progress = {"progress": min(received / total, 1.0), "speed": speed}
        return TimedEvent(
            at_s, {"type": f"download_{kind}", **whole, "attempt": 1, **state, **progress, **sizes, **members}
        )

    yield event_at(chance.uniform(0, 0.5) * starts_s, "queued", 0, 0)
    yield event_at(starts_s, "started", 0, 0)
    received, breaks_at = 0.0, round(steps * chance.uniform(0.4, 0.8)) if fails else None
    for step, speed in enumerate(speeds, 1):
        at_s = starts_s + step * step_s
        if step == breaks_at:
            yield event_at(at_s, "error", received, 0, error_message="demo.invalid closed the connection (simulated)")
            return
        received += speed * step_s
        yield event_at(at_s, "progress", total if step == steps else received, round(speed))
    yield event_at(ends_s + 0.005 * seconds, "complete", total, 0, file_path=f"/downloads/{name}")


def _speeds(steps: int, chance: random.Random) -> list[float]:
    """Bytes a second, step by step: a slow start, then a walk around what the line gives."""
    line = 10 ** chance.uniform(6.0, 7.6)
    now = line
    speeds: list[float] = []
    for step in range(steps):
        now += 0.2 * (line - now) + line * chance.gauss(0, 0.08)
        speeds.append(max(now, 0.05 * line) * min(1.0, (step + 1) / 6))
    return speeds
