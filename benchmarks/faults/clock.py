"""The wall clock of Redis and of front-ends jumps; the monotonic clock doesn't, as on a real machine.

libfaketime (Debian's package faketime) is preloaded into both; it reads from a file by how much it is to be wrong.
"""

import asyncio
import time
import urllib.request
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email.utils import parsedate_to_datetime
from pathlib import Path

from benchmarks.faults.row import Row
from benchmarks.faults.stage import Stage
from tests.conditions import eventually
from tests.service import FrontEnd

JUMPS_S = (3600, -3600, 0)
STAYS_S = 1.0
NEAR_S = 60.0


def _library() -> Path | None:
    return next(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"), None)


def why_no_clock_can_be_moved() -> str:
    return "" if _library() else "there is no libfaketime (apt-get install faketime)"


@asynccontextmanager
async def own_clock(stage: Stage) -> AsyncIterator[None]:
    _move(stage, 0)
    environment = {
        "LD_PRELOAD": str(_library()),
        "FAKETIME_TIMESTAMP_FILE": str(stage.folder / "clock"),
        "FAKETIME_CACHE_DURATION": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }
    stage.environment |= environment
    for server in stage.servers:
        server.equip(environment=environment)
    yield


def _move(stage: Stage, by_s: int) -> None:
    new = stage.folder / "clock.new"
    new.write_text(f"{by_s:+}\n")
    new.rename(stage.folder / "clock")


async def jumped(stage: Stage) -> None:
    with stage.redis() as client:
        for by_s in JUMPS_S:
            _move(stage, by_s)

            async def moved(by_s: int = by_s) -> bool:
                clocks = [await asyncio.to_thread(_clock_of, each) for each in stage.front_ends]
                return all(abs(clock_s - time.time() - by_s) < NEAR_S for clock_s in (client.time()[0], *clocks))

            await eventually(moved, f"clocks that are wrong by {by_s} s")
            await asyncio.sleep(STAYS_S)


def _clock_of(front_end: FrontEnd) -> float:
    with urllib.request.urlopen(f"http://127.0.0.1:{front_end.port}/health", timeout=10) as answer:
        return parsedate_to_datetime(answer.headers["date"]).timestamp()


ROWS = (
    Row(
        "clock",
        "the wall clock of Redis and front-ends jumps an hour ahead, two back, and is right again",
        jumped,
        own_clock,
        why_no_clock_can_be_moved,
    ),
)
