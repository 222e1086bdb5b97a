"""What is measured: a row for each number of front-ends on one Valkey, and rows on a cluster."""

import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from pathlib import Path

from benchmarks import quiet
from benchmarks.processes import Answer, allow_files
from benchmarks.scale.crowd import SETTLE_S, Crowd, FrontEnd, Publisher, heard, publish
from benchmarks.scale.shards import Redis

IDLE_S = 5.0
Start = Callable[[Path], AbstractContextManager[Redis]]


@dataclass(frozen=True, slots=True)
class Load:
    """`clients` of each front-end, spread over the shards; `rate` of events a second in each shard's channel."""

    clients: int
    rate: float
    seconds: float
    reading_rate: float
    missed: int


QUICK = Load(clients=300, rate=25, seconds=3, reading_rate=1000, missed=50)
# Light enough for four front-ends on one core: under more, flushes join events, and one costs less than on its own.
FULL = Load(clients=1000, rate=25, seconds=8, reading_rate=1000, missed=100)


@dataclass(frozen=True, slots=True)
class Row:
    """Numbers by name; `…_us` are of a processor; see benchmarks/scale/page.py for what each means."""

    front_ends: int
    shards: int
    numbers: Answer
    others_cores: float


class Run:
    """So many front-ends on one Redis, and their clients."""

    def __init__(self, redis: Redis, count: int, load: Load, folder: Path, stack: ExitStack) -> None:
        self._redis = redis
        self._load = load
        self._folder = folder
        self._stack = stack
        self._front_ends: list[FrontEnd] = []
        for n in range(count):
            self._front_ends.append(FrontEnd(redis.url, folder / f"front-end-{n}"))
            stack.callback(self._front_ends[n].stop)
        self._idle_us_s = self._idle_commands_s = 0.0

    def idle(self) -> Answer:
        """What front-ends ask of Redis while nothing is published."""
        before, commands, began = self._redis_us(), self._commands(), time.monotonic()
        time.sleep(IDLE_S)
        seconds = time.monotonic() - began
        self._idle_us_s = (self._redis_us() - before) / seconds
        self._idle_commands_s = (self._commands() - commands) / seconds
        return {"idle_us_s": self._idle_us_s}

    def reading(self) -> Answer:
        """One client of each channel at each front-end: what an event costs that hardly anybody is told."""
        load = self._load
        crowds = self._crowds([shard.few for shard in self._redis.shards], 1)
        publishers = self._publishers([shard.few for shard in self._redis.shards])
        for crowd in crowds:
            crowd.connect()
        time.sleep(SETTLE_S)
        heard(crowds, publishers, round(load.reading_rate), load.reading_rate)
        events = round(load.reading_rate * load.seconds)
        before, cpu, began = self._redis_us(), self._cpu_s(), time.monotonic()
        heard(crowds, publishers, events, load.reading_rate)
        spent = self._redis_us() - before - self._idle_us_s * (time.monotonic() - began)
        total = events * len(self._redis.shards)
        return {
            "redis_us": spent / total,
            "reading_us": 1e6 * (self._cpu_s() - cpu) / (total * len(self._front_ends)),
        }

    def delivering(self) -> Answer:
        """Many clients, who join and are told the load."""
        load, names = self._load, [shard.many for shard in self._redis.shards]
        self._many = self._crowds(names, load.clients // len(names))
        self._publishing = self._publishers(names)
        clients = sum(crowd.count for crowd in self._many)
        memory, cpu = self._memory_bytes(), self._cpu_s()
        for crowd in self._many:
            crowd.connect()
        time.sleep(SETTLE_S)
        joining = self._cpu_s() - cpu
        found = {"clients": clients, "joining_us": 1e6 * joining / clients}
        found["empty_bytes"] = memory / len(self._front_ends)
        found["client_bytes"] = (self._memory_bytes() - memory) / clients
        heard(self._many, self._publishing, round(load.rate), load.rate)
        cpu = self._cpu_s()
        told = heard(self._many, self._publishing, round(load.rate * load.seconds), load.rate)
        deliveries = sum(each["deliveries"] for each in told)
        return found | {
            "deliveries_s": deliveries / load.seconds,
            "deliveries_cpu_s": deliveries / (self._cpu_s() - cpu),
            "p99_ms": max(each["p99_ms"] for each in told),
            "delivery_bytes": sum(each["bytes"] for each in told) / deliveries,
        }

    def coming_back(self) -> Answer:
        """All clients are cut, miss events, and come back at once: to front-ends that went on, then to new ones."""
        found: Answer = {}
        for prefix in ("", "anew_"):
            for crowd in self._many:
                crowd.drop()
            time.sleep(SETTLE_S)
            publish(self._publishing, self._load.missed, 2 * self._load.rate)
            if prefix:
                for front_end in self._front_ends:
                    front_end.stop()
                    front_end.start()
            time.sleep(SETTLE_S)
            commands, cpu, began = self._commands(), self._cpu_s(), time.monotonic()
            for crowd in self._many:
                crowd.come_back(self._load.missed)
            waited = max(crowd.is_back()["waited"] for crowd in self._many)
            asked = self._commands() - commands - self._idle_commands_s * (time.monotonic() - began)
            clients = sum(crowd.count for crowd in self._many)
            found |= {
                f"{prefix}back_s": waited,
                f"{prefix}back_us": 1e6 * (self._cpu_s() - cpu) / clients,
                f"{prefix}back_commands": max(0.0, asked) / len(self._front_ends),
            }
        return found

    def _crowds(self, channels: Sequence[str], count: int) -> list[Crowd]:
        """So many clients of each channel at each front-end."""
        found = []
        for front_end in self._front_ends:
            for channel in channels:
                log = self._folder / f"clients-{front_end.port}-{channel}.log"
                found.append(Crowd(front_end.port, channel, count, log))
                self._stack.callback(found[-1].stop)
        return found

    def _publishers(self, channels: Sequence[str]) -> list[Publisher]:
        pairs = zip(self._redis.shards, channels, strict=True)
        return [Publisher(shard, channel, self._folder) for shard, channel in pairs]

    def _cpu_s(self) -> float:
        return sum(each.program.cpu_s() for each in self._front_ends)

    def _memory_bytes(self) -> float:
        return sum(each.program.memory_bytes() for each in self._front_ends)

    def _redis_us(self) -> float:
        return sum(shard.cpu_us() for shard in self._redis.shards)

    def _commands(self) -> float:
        return sum(shard.commands() for shard in self._redis.shards)


def measured(start: Start, front_ends: int, load: Load) -> Row:
    """One row. Raises RuntimeError where any client wasn't told each event once and in order."""
    allow_files(load.clients)
    others = quiet.Others()
    with tempfile.TemporaryDirectory(prefix="simulcast-scale-") as place, ExitStack() as stack:
        folder = Path(place)
        redis = stack.enter_context(start(folder))
        run = Run(redis, front_ends, load, folder, stack)
        numbers = run.idle() | run.reading() | run.delivering() | run.coming_back()
        shards = len(redis.shards)
    return Row(front_ends, shards, numbers, others.cores())
