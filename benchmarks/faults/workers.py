"""Workers die and hang; each download ends once all the same."""

import asyncio
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from benchmarks.faults.row import Row
from benchmarks.faults.stage import Stage
from tests.conditions import eventually
from tests.system.files import serving

WORKERS = 2
LEASE_S = 2
DOWNLOADS = 12
FILE_BYTES = 512 * 1024
BYTES_PER_S = 256 * 1024
DONE_S = 90.0


@asynccontextmanager
async def with_files(stage: Stage) -> AsyncIterator[None]:
    async with serving() as files:
        files.bytes_per_s = BYTES_PER_S
        files.contents["a.bin"] = bytes(FILE_BYTES)
        stage.file_url = files.url("a.bin")
        yield


async def _begin(stage: Stage) -> None:
    """Workers, and downloads of which some are under way."""
    while len(stage.workers) < WORKERS:
        stage.start_worker(LEASE_S)
    for number in range(DOWNLOADS):
        submitted_at = time.monotonic()
        status, record = await stage.front_ends[number % 2].post("/downloads", {"url": stage.file_url})
        assert status == 201, record
        stage.jobs[str(record["download_id"])] = submitted_at

    async def running() -> bool:
        with stage.redis() as client:
            return int(client.zcard("{simulcast:downloads}:leases")) >= 3

    await eventually(running, "downloads that are under way")


async def _until_done(stage: Stage) -> None:
    async def done() -> bool:
        found = await asyncio.gather(*(stage.front_ends[0].get(f"/downloads/{each}") for each in stage.jobs))
        return all(record.get("state") in ("complete", "error") for _, record in found)

    await eventually(done, "the end of all downloads", DONE_S)


async def killed(stage: Stage) -> None:
    await _begin(stage)
    stage.workers.pop(0).kill()
    stage.start_worker(LEASE_S)
    await _until_done(stage)


async def stopped(stage: Stage) -> None:
    await _begin(stage)
    stage.workers[0].signal(signal.SIGSTOP)
    await asyncio.sleep(2.5 * LEASE_S)
    stage.workers[0].signal(signal.SIGCONT)
    await _until_done(stage)


ROWS = (
    Row("worker-kill", "a worker: `kill -9`", killed, with_files, for_control=False),
    Row("worker-stop", "a worker: SIGSTOP past its lease", stopped, with_files, for_control=False),
)
