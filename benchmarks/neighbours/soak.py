"""Ordinary clients, in turn with hostile neighbours and without."""

import http.client
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from statistics import median

from benchmarks.neighbours import hostile
from benchmarks.processes import CLIENT_CORE, Answer, Program
from benchmarks.servers import PEERS
from benchmarks.trial import Trial, trial

ADDRESS = "203.0.113.7"
MAXMEMORY_BYTES = 512 * 1024 * 1024  # as shipped
MAX_FRONT_END_BYTES = 300 * 1024 * 1024
MAX_RATIO = 2.0  # of the ordinary clients' p99, with neighbours and without
MAX_GROWTH = 1.1
SAMPLE_S = 2.0
READY_S = 0.5
LEAVE_S = 5.0


@dataclass(frozen=True, slots=True)
class Load:
    """`cycles` of `with_rounds` rounds with neighbours and one without, each of `round_s`."""

    clients: int = 2000
    rate: float = 500
    connections: int = 1000
    cycles: int = 12
    with_rounds: int = 4
    round_s: float = 60.0


@dataclass(slots=True)
class Round:
    """What ordinary clients received in one round."""

    with_neighbours: bool
    ended_s: float
    answer: Answer

    @property
    def is_complete(self) -> bool:
        """Return whether every client received each event once, in order."""
        answer = self.answer
        return not (answer["lost"] or answer["gaps"] or answer["repeats"]) and (
            answer["deliveries"] == answer["expected"]
        )


@dataclass
class Soak:
    """What came out."""

    load: Load
    began: float = field(default_factory=time.monotonic)
    rounds: list[Round] = field(default_factory=list)
    memory: list[tuple[float, int]] = field(default_factory=list)  # the front-end's, by second
    polls: int = 0
    red: list[str] = field(default_factory=list)  # when /ready was not green, and what it answered
    slowest_ready_s: float = 0.0
    counts: Counter[str] = field(default_factory=Counter)  # of what neighbours did

    @property
    def age_s(self) -> float:
        return time.monotonic() - self.began

    def p99_ms(self, with_neighbours: bool) -> float:
        """Return the median of the rounds' 99th percentiles."""
        return median(one.answer["p99_ms"] for one in self.rounds if one.with_neighbours is with_neighbours)

    @property
    def ratio(self) -> float:
        return self.p99_ms(True) / self.p99_ms(False)

    @property
    def max_bytes(self) -> int:
        return max(size for _, size in self.memory)

    def quarter_bytes(self, number: int) -> float:
        """Return the median of the front-end's memory in one quarter of the time, from 0 on."""
        end = self.memory[-1][0]
        return median(size for at, size in self.memory if number / 4 <= at / end <= (number + 1) / 4)

    @property
    def growth(self) -> float:
        """Return how the last quarter compares with the second one; the first fills bounded memory."""
        return self.quarter_bytes(3) / self.quarter_bytes(1)

    def complaints(self, timing: bool = True) -> list[str]:
        """Return what must not be; `timing`: with what depends on other programs of the machine."""
        broken = [
            f"{one.answer['deliveries']:,.0f} of {one.answer['expected']:,.0f} deliveries, {one.answer['gaps']:,.0f} "
            f"skipped, {one.answer['repeats']:,.0f} repeated, {one.answer['lost']:.0f} clients cut, in the round that "
            f"ended after {one.ended_s:.0f} s"
            for one in self.rounds
            if not one.is_complete
        ]
        broken += [f"/ready was red: {text}" for text in self.red[:5]]
        if self.max_bytes > MAX_FRONT_END_BYTES:
            broken.append(f"the front-end had {self.max_bytes / 2**20:.0f} MB")
        if timing and self.growth > MAX_GROWTH:
            broken.append(f"the front-end's memory grew by {self.growth - 1:.0%} from the second quarter to the last")
        if timing and self.ratio > MAX_RATIO:
            broken.append(f"the 99th percentile was {self.ratio:.2f} times that without neighbours")
        return broken


def run(load: Load, seed: int) -> Soak:
    """The whole soak. Raises as `trial`."""
    with trial(PEERS[0], load.clients + load.connections) as one:
        one.valkey.config_set("maxmemory", MAXMEMORY_BYTES)
        hostile.fill(one.valkey)
        one.clients(load.clients)
        one.connect()
        one.round(int(load.rate), load.rate, 60)  # warm
        soak = Soak(load)
        with _watched(soak, one):
            for cycle in range(load.cycles):
                with _neighbours(soak, one, seed + cycle):
                    for _ in range(load.with_rounds):
                        _round(soak, one, True)
                time.sleep(LEAVE_S)
                _round(soak, one, False)
        return soak


def _round(soak: Soak, one: Trial, with_neighbours: bool) -> None:
    load = soak.load
    answer = one.round(int(load.rate * load.round_s), load.rate, load.round_s + 60)
    soak.rounds.append(Round(with_neighbours, soak.age_s, answer))
    print(
        f"[{soak.age_s / 60:5.1f} min] {'with' if with_neighbours else 'without'}: p99 {answer['p99_ms']:.1f} ms, "
        f"p50 {answer['p50_ms']:.1f} ms, {answer['cpu_s'] / load.round_s:.2f} cores, "
        f"{soak.memory[-1][1] / 2**20:.0f} MB, {len(soak.red)} red"
        f"{'' if soak.rounds[-1].is_complete else f', incomplete: {answer}'}",
        flush=True,
    )


@contextmanager
def _neighbours(soak: Soak, one: Trial, seed: int) -> Iterator[None]:
    words = (one.port, one.redis_url, ADDRESS, soak.load.connections, seed)
    command = ["nice", sys.executable, "-m", "benchmarks.neighbours.hostile", *map(str, words)]
    program = Program(command, CLIENT_CORE, one.server.log.with_name("neighbours.log"), talks=True)
    try:
        yield
        program.say("stop")
        soak.counts.update({name: int(count) for name, count in program.answer().items()})
    finally:
        program.stop()


@contextmanager
def _watched(soak: Soak, one: Trial) -> Iterator[None]:
    over = threading.Event()

    def sample() -> None:
        while not over.wait(SAMPLE_S):
            soak.memory.append((soak.age_s, one.server.memory_bytes()))

    def ask() -> None:
        while not over.wait(READY_S):
            began = time.monotonic()
            if reason := _why_not_ready(one.port):
                soak.red.append(f"after {soak.age_s:.0f} s: {reason}")
                print(soak.red[-1], flush=True)
            soak.polls += 1
            soak.slowest_ready_s = max(soak.slowest_ready_s, time.monotonic() - began)

    soak.memory.append((0.0, one.server.memory_bytes()))
    threads = [threading.Thread(target=target, name=target.__name__) for target in (sample, ask)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        over.set()
        for thread in threads:
            thread.join()


def _why_not_ready(port: int) -> str:
    # From an address of its own: packets from ports of neighbours that vanished are dropped.
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5, source_address=("127.0.0.2", 0))
    try:
        connection.request("GET", "/ready")
        answer = connection.getresponse()
        body = answer.read().decode(errors="replace")
        return "" if answer.status == 200 else f"{answer.status} {body[:200]}"
    except OSError as error:
        return repr(error)
    finally:
        connection.close()
