"""Chaos: downloads, workers that are killed and stalled, Redis that restarts; then the count.

python -m tests.chaos.run --seconds 180 --downloads 200 --workers 4 [--unfenced]
"""

import argparse
import asyncio
import hashlib
import json
import logging
import random
import signal
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path

from websockets.asyncio.client import ClientConnection

from tests.file_server import Files, serve_files
from tests.service import FrontEnd, Worker
from tests.valkey import Valkey

LEASE_S = 2
MAX_BYTES = 3_000_000
SETTLE_S = 120
ENDS = ("download_complete", "download_error", "download_cancelled")
log = logging.getLogger("chaos")


@dataclass
class Plan:
    seconds: float
    downloads: int
    workers: int
    redis_restarts: int
    unfenced: bool = False
    seed: int = 1


@dataclass
class Findings:
    """What went wrong, in words; empty is good. `events`: what was done, and what each client saw."""

    wrong: list[str] = field(default_factory=list)
    kills: int = 0
    stalls: int = 0
    restarts: int = 0


@dataclass
class ChaosRun:
    plan: Plan
    folder: Path
    valkey: Valkey
    files: Files
    front_ends: list[FrontEnd]
    workers: list[Worker]
    random: random.Random
    findings: Findings = field(default_factory=Findings)
    wanted: dict[str, str] = field(default_factory=dict)  # download_id → name
    seen: list[list[dict[str, object]]] = field(default_factory=list)  # a list a client

    def start_worker(self) -> Worker:
        module = "tests.chaos.unfenced_worker" if self.plan.unfenced else "workers"
        name = f"worker-{len(list(self.folder.glob('worker-*.log')))}.log"
        folder = self.folder / "downloads"
        worker = Worker(self.valkey.url, self.folder / name, folder, module=module, SIMULCAST_LEASE_S=str(LEASE_S))
        log.info("worker %d started", worker.process.pid)
        return worker


async def run(plan: Plan, folder: Path) -> Findings:
    """Everything, in `folder`; its findings."""
    async with AsyncExitStack() as stack:
        valkey = Valkey(folder / "valkey").start()
        stack.callback(valkey.stop)
        files = await stack.enter_async_context(serve_files())
        front_ends = [FrontEnd(valkey.url, folder / f"front-end-{n}.log") for n in range(2)]
        for each in front_ends:
            stack.callback(each.stop)
        chaos = ChaosRun(plan, folder, valkey, files, front_ends, [], random.Random(plan.seed))
        stack.callback(lambda: [worker.stop() for worker in chaos.workers])
        for each in front_ends:
            await each.ready()
        connections = [await each.connect() for each in front_ends]
        watching = [asyncio.create_task(watch(connection, chaos)) for connection in connections]
        chaos.workers.extend(chaos.start_worker() for _ in range(plan.workers))
        await asyncio.gather(add_all(chaos), break_things(chaos))
        await settle(chaos)
        for task in watching:
            task.cancel()
        await asyncio.gather(*watching, return_exceptions=True)
        for connection in connections:
            await connection.close()
        check(chaos)
        return chaos.findings


async def watch(connection: ClientConnection, chaos: ChaosRun) -> None:
    """One bare client that is never cut: it must see each end exactly once."""
    seen: list[dict[str, object]] = []
    chaos.seen.append(seen)
    async for text in connection:
        seen.append(json.loads(text))


async def add_all(chaos: ChaosRun) -> None:
    """The downloads, spread over the first two thirds of the time."""
    pause_s = chaos.plan.seconds * 2 / 3 / chaos.plan.downloads
    for number in range(chaos.plan.downloads):
        name = f"{number:04}.bin"
        size = chaos.random.randrange(1, MAX_BYTES)
        chaos.files.contents[name] = chaos.random.randbytes(size)
        front_end = chaos.front_ends[number % 2]
        for _ in range(SETTLE_S * 5):
            status, record = await front_end.post("/downloads", {"url": chaos.files.url(name)})
            if status in (200, 201):  # 200: it was added, and the answer was lost
                chaos.wanted[str(record["download_id"])] = name
                break
            await asyncio.sleep(0.2)  # Redis is away
        else:
            chaos.findings.wrong.append(f"{name} can't be added: {status} {record}")
        await asyncio.sleep(pause_s)


async def break_things(chaos: ChaosRun) -> None:
    """Something breaks about every second and a half."""
    loop = asyncio.get_running_loop()
    ends_at = loop.time() + chaos.plan.seconds
    restarts = [
        loop.time() + chaos.plan.seconds * (n + 1) / (chaos.plan.redis_restarts + 1)
        for n in range(chaos.plan.redis_restarts)
    ]
    stalled: list[asyncio.Task[None]] = []
    while loop.time() < ends_at:
        await asyncio.sleep(chaos.random.uniform(0.5, 2.5))
        if restarts and loop.time() > restarts[0]:
            restarts.pop(0)
            chaos.findings.restarts += 1
            log.info("redis: kill -9 and restart")
            chaos.valkey.kill()
            await asyncio.sleep(chaos.random.uniform(0.2, 1.5))
            await asyncio.to_thread(chaos.valkey.start)
            continue
        place = chaos.random.randrange(len(chaos.workers))
        worker = chaos.workers[place]
        if chaos.random.random() < 0.5:
            log.info("worker %d: kill -9", worker.process.pid)
            chaos.findings.kills += 1
            worker.kill()
            chaos.workers[place] = chaos.start_worker()
        else:
            chaos.findings.stalls += 1
            stalled.append(asyncio.create_task(stall(worker, chaos.random.uniform(LEASE_S, 2.5 * LEASE_S))))
    await asyncio.gather(*stalled)


async def stall(worker: Worker, seconds: float) -> None:
    log.info("worker %d: SIGSTOP for %.1f s", worker.process.pid, seconds)
    worker.signal(signal.SIGSTOP)
    await asyncio.sleep(seconds)
    if worker.process.poll() is None:
        worker.signal(signal.SIGCONT)


async def settle(chaos: ChaosRun) -> None:
    """Until every client has seen every end, or the time is up."""
    try:
        async with asyncio.timeout(SETTLE_S):
            while not all(ends(seen).keys() >= chaos.wanted.keys() for seen in chaos.seen):
                await asyncio.sleep(0.1)
            await asyncio.sleep(2 * LEASE_S)  # a second end would come by then
    except TimeoutError:
        log.info("not every end was seen within %d s", SETTLE_S)


def ends(seen: list[dict[str, object]]) -> Counter[str]:
    return Counter(str(event["download_id"]) for event in seen if event["type"] in ENDS)


def check(chaos: ChaosRun) -> None:
    """What must hold, counted from what clients saw and what lies on the disk."""
    say: Callable[[str], None] = chaos.findings.wrong.append
    for number, seen in enumerate(chaos.seen):
        counted = ends(seen)
        for download_id in chaos.wanted:
            if counted[download_id] != 1:
                say(f"client {number} saw {counted[download_id]} ends of {download_id}")
        offsets = [str(event["event_id"]) for event in seen]
        if len(set(offsets)) != len(offsets):
            say(f"client {number} saw an event twice")
        owners: dict[str, object] = {}
        for event in seen:
            key = str(event["download_id"])
            if event["type"] == "download_progress" and owners.get(key) == "ended":
                say(f"client {number} saw progress of {key} after its end")
            if event["type"] in ENDS:
                owners[key] = "ended"
        for event in seen:
            if event["type"] == "download_error":
                say(f"{event['download_id']} failed: {event['error_message']}")
    paths = {
        str(event["download_id"]): Path(str(event["file_path"]))
        for event in chaos.seen[0]
        if event["type"] == "download_complete"
    }
    for download_id, name in chaos.wanted.items():
        path = paths.get(download_id)
        if path is None or not path.is_file():
            say(f"{download_id} ({name}) has no file")
        elif hashlib.sha256(path.read_bytes()).digest() != hashlib.sha256(chaos.files.contents[name]).digest():
            say(f"{path.name} is not right")
    left = {path.name for path in (chaos.folder / "downloads").iterdir()} - {path.name for path in paths.values()}
    if left:
        say(f"left in the folder: {sorted(left)[:5]}")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.run", description=__doc__)
    parser.add_argument("--seconds", type=float, default=180)
    parser.add_argument("--downloads", type=int, default=200)
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--redis-restarts", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--unfenced", action="store_true", help="the control: it must fail")
    plan = Plan(**vars(parser.parse_args()))
    logging.basicConfig(format="%(asctime)s %(message)s", level=logging.INFO)
    with tempfile.TemporaryDirectory() as folder:
        found = asyncio.run(run(plan, Path(folder)))
    print(
        f"{plan.downloads} downloads, {plan.workers} workers: {found.kills} kills, {found.stalls} stalls, "
        f"{found.restarts} restarts of Redis; {len(found.wrong)} wrong"
    )
    print("\n".join(found.wrong))
    sys.exit(bool(found.wrong))


if __name__ == "__main__":
    main()
