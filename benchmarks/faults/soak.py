"""An hour of random faults: what clients lost, and whether memory and descriptors stay flat.

python -m benchmarks.faults.soak [--minutes 60] [--rate 200] [--seed 1]     writes benchmarks/results/soak.md
"""

import argparse
import asyncio
import os
import platform
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import redis

from benchmarks.faults import front_ends, network, redis_server, table
from benchmarks.faults.publish import Load
from benchmarks.faults.row import Fault, Row
from benchmarks.faults.stage import Stage
from benchmarks.faults.trial import END_SEEN_S, Result, judged

RESULTS = Path(__file__).parents[1] / "results"
FRONT_ENDS = 3  # the last of which lives from the beginning to the end
SAMPLE_S = 10.0
WARM_S = 30.0  # before the first sample that counts
PAUSE_S = (5.0, 20.0)  # between two faults
MOMENTS = {"start": 0.0, "a quarter": 0.25, "half": 0.5, "three quarters": 0.75, "end": 1.0}


@dataclass(frozen=True, slots=True)
class Sample:
    """`rss_bytes` and `descriptors`: of each front-end. `at`: seconds since the beginning."""

    at: float
    rss_bytes: list[int]
    descriptors: list[int]
    redis_clients: int
    redis_bytes: int


@dataclass
class Soak:
    """What is going on."""

    stage: Stage
    seconds: float
    random: random.Random
    began: float = field(default_factory=time.monotonic)
    faults: Counter[str] = field(default_factory=Counter)
    samples: list[Sample] = field(default_factory=list)

    @property
    def age_s(self) -> float:
        return time.monotonic() - self.began

    async def break_things(self) -> None:
        """One fault after the other; each is mended, and every front-end ready, before the next one."""
        while self.age_s < self.seconds:
            await asyncio.sleep(self.random.uniform(*PAUSE_S))
            name, fault = self.random.choice(list(self._faults().items()))
            print(f"[{self.age_s / 60:5.1f} min] {name}", flush=True)
            self.faults[name] += 1
            await fault(self.stage)
            await self.stage.healed()

    def _faults(self) -> dict[str, Fault]:
        place = self.random.randrange(FRONT_ENDS - 1)
        packets: dict[str, Fault] = {
            "Redis unreachable for 8 s": network.unreachable,
            "all connections to Redis half-open": network.half_open,
            "subscriptions deaf": network.deaf,
        }
        return ({} if network.why_no_packets_can_be_dropped() else packets) | {
            "Redis killed and restarted": redis_server.killed,
            "Redis stopped for 10 s": redis_server.stopped,
            "subscriptions killed": redis_server.subscriptions_killed,
            "a subscription's buffer overrun": redis_server.buffer_overrun,
            "a front-end killed": partial(front_ends.killed, place=place),
            "a front-end stopped for 6 s": partial(front_ends.stopped, place=place),
            "a front-end restarted": partial(front_ends.restarted, place=place),
        }

    async def watch(self) -> None:
        """Samples until cancelled; leaves out moments in which something is away."""
        while True:
            try:
                self.samples.append(await asyncio.to_thread(self._sample))
            except (redis.RedisError, OSError, ValueError, IndexError):  # the last: it has just died and has no memory
                await asyncio.sleep(1)
            else:
                await asyncio.sleep(SAMPLE_S)

    def _sample(self) -> Sample:
        with self.stage.redis() as client:
            clients, memory = client.info("clients"), client.info("memory")
        running = self.stage.front_ends
        return Sample(
            self.age_s,
            [each.rss_bytes for each in running],
            [each.descriptors for each in running],
            int(clients["connected_clients"]),
            int(memory["used_memory"]),
        )

    def moments(self) -> dict[str, Sample]:
        """The samples nearest to the moments that the report shows."""
        warm = [sample for sample in self.samples if sample.at >= min(WARM_S, self.seconds / 4)] or self.samples
        return {
            name: min(warm, key=lambda sample: abs(sample.at - part * self.seconds)) for name, part in MOMENTS.items()
        }


async def run(minutes: float, load: Load, seed: int, folder: Path) -> tuple[Soak, Result]:
    """The whole soak, in `folder`."""
    stage = Stage(folder)
    soak = Soak(stage, minutes * 60, random.Random(seed))
    try:
        await asyncio.to_thread(stage.start_servers)
        await stage.start_front_ends(FRONT_ENDS)
        clients = await stage.start_clients()
        publisher = stage.start_publisher(load)
        await stage.publishing()
        soak.began = time.monotonic()
        watching = asyncio.create_task(soak.watch())
        try:
            await soak.break_things()
        except (AssertionError, OSError, redis.RedisError) as error:
            stage.wrong.append(f"after {soak.age_s:.0f} s: {error}")
        await asyncio.sleep(SAMPLE_S)
        if watching.done():
            stage.wrong.append(f"memory and descriptors weren't sampled to the end: {watching.exception()!r}")
        watching.cancel()
        await stage.end(publisher, clients, END_SEEN_S)
    finally:
        stage.close()
    stage.notes.clear()  # of single faults
    row = Row("soak", f"{sum(soak.faults.values())} random faults in {minutes:g} min", redis_server.killed)
    return soak, judged(row, load, stage)


def page(soak: Soak, result: Result, seed: int) -> str:
    """The report."""
    received = sum(finding.received for finding in result.findings)
    published = result.outcomes.total()
    lines = [
        "# Soak",
        "",
        f"Made by `python -m benchmarks.faults.soak --minutes {soak.seconds / 60:g} --rate {result.load.rate:g} "
        f"--seed {seed}`, on {time.strftime('%Y-%m-%d')}; {os.cpu_count()} cores, {platform.system()} "
        f"{platform.release()}, Python {platform.python_version()}.",
        "",
        f"{published:,} events were published, {result.ends:,} of them ends of downloads; {FRONT_ENDS} front-ends told "
        f"{len(result.findings)} clients of them, {received:,} times in all.",
        "",
        table.LEGEND,
        table.HEADING,
        table.RULE,
        table.line(result),
        "",
        "| fault | times |",
        "|---|---:|",
        *(f"| {name} | {times} |" for name, times in soak.faults.most_common()),
        "",
        f"Memory and descriptors. Front-ends 1 to {FRONT_ENDS - 1} are killed and restarted again and again; the last "
        "one lives from the beginning to the end.",
        "",
        f"| | s | {' | '.join(f'front-end {n + 1}: MB, files' for n in range(FRONT_ENDS))} | Redis: MB, clients |",
        f"|---|---:|{'---:|' * (FRONT_ENDS + 1)}",
        *(_moment(name, sample) for name, sample in soak.moments().items()),
        "",
        *(f"- {complaint}" for complaint in result.complaints()),
    ]
    return "\n".join(lines).rstrip() + "\n"


def _moment(name: str, sample: Sample) -> str:
    pairs = zip(sample.rss_bytes, sample.descriptors, strict=True)
    cells = [f"{rss / 2**20:.0f}, {descriptors}" for rss, descriptors in pairs]
    redis_cell = f"{sample.redis_bytes / 2**20:.0f}, {sample.redis_clients}"
    return f"| {name} | {sample.at:.0f} | {' | '.join(cells)} | {redis_cell} |"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.faults.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--rate", type=float, default=200, help="events a second")
    parser.add_argument("--seed", type=int, default=1, help="of the choice of faults")
    parser.add_argument("--output", type=Path, default=RESULTS / "soak.md", help="where the report goes")
    flags = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what was started is ended
    load = Load(flags.rate, progress=9, others=9)
    with tempfile.TemporaryDirectory(prefix="soak-") as folder:
        soak, result = asyncio.run(run(flags.minutes, load, flags.seed, Path(folder)))
        report = page(soak, result, flags.seed)
    flags.output.write_text(report)
    print(report)
    return int(not result.is_good)


if __name__ == "__main__":
    sys.exit(main())
