"""Workers die and hang; each download ends once all the same."""

import asyncio
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from benchmarks.faults.row import Row
from benchmarks.faults.stage import Stage
from tests.conditions import eventually, until
from tests.file_server import serve_files

WORKERS = 2
LEASE_S = 4  # three leases in a row that a busy machine lets expire would set a download aside
DOWNLOADS = 12
FILE_BYTES = 512 * 1024
BYTES_PER_S = 256 * 1024
DONE_S = 90.0


@asynccontextmanager
async def with_files(stage: Stage) -> AsyncIterator[None]:
    async with serve_files() as files:
        files.bytes_per_s = BYTES_PER_S
        files.contents["a.bin"] = bytes(FILE_BYTES)
        stage.file_url = files.url("a.bin")
        yield


async def _begin(stage: Stage) -> None:
    """Workers, and downloads of which the first worker has some under way."""
    while len(stage.workers) < WORKERS:
        stage.start_worker(LEASE_S)
    for number in range(DOWNLOADS):
        submitted_at = time.monotonic()
        status, record = await stage.front_ends[number % 2].post("/downloads", {"url": stage.file_url})
        assert status == 201, record
        stage.jobs[str(record["download_id"])] = submitted_at
    await until(lambda: _owned(stage), "downloads that the worker has under way", DONE_S)


def _owned(stage: Stage) -> list[str]:
    """What the first worker owns."""
    mark = f":{stage.workers[0].process.pid}:".encode()
    with stage.redis() as client:
        owners = {each: client.hget(f"{{simulcast:downloads}}:job:{each}", "worker") for each in stage.jobs}
    return [each for each, owner in owners.items() if isinstance(owner, bytes) and mark in owner]


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
    await until(lambda: not _owned(stage), "a worker whose leases have expired", DONE_S)
    stage.workers[0].signal(signal.SIGCONT)
    await _until_done(stage)


ROWS = (
    Row("worker-kill", "a worker: `kill -9`", killed, with_files, for_control=False),
    Row("worker-stop", "a worker: SIGSTOP past its lease", stopped, with_files, for_control=False),
)
