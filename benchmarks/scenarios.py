"""What is measured. Each scenario takes a peer and answers with one row; a row that lost anything is void."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from statistics import median

from benchmarks.processes import Answer
from benchmarks.servers import Peer
from benchmarks.trial import Trial, trial

SLOW_S = 10.0  # a burst that takes longer isn't repeated in the same process


@dataclass(frozen=True, slots=True)
class Row:
    """Numbers by name, or why there are none."""

    numbers: Answer = field(default_factory=dict)
    void: str = ""
    others_cores: float = 0.0  # what else ran on the machine meanwhile


@dataclass(frozen=True, slots=True)
class Scenario:
    """`measure` of the table: the number that ratios are made of, and whether more of it is better."""

    name: str
    title: str
    run: Callable[[Peer], Row]
    shown: tuple[str, ...]
    measure: str
    more_is_better: bool = False
    needs_channels: bool = False
    needs_recovery: bool = False

    def fits(self, peer: Peer) -> bool:
        """Whether the peer can do it at all."""
        return (peer.channels or not self.needs_channels) and (peer.recovers or not self.needs_recovery)


@dataclass(frozen=True, slots=True)
class Load:
    """`events` to each channel, `rate` a second in all (0: at once)."""

    clients: int
    events: int
    rate: float
    channels: int = 1
    stalled: int = 0

    @property
    def seconds(self) -> float:
        """How long publishing takes."""
        return self.events * self.channels / self.rate if self.rate else 0.0


def _loss(answer: Answer) -> str:
    """What was wrong with a round, or nothing."""
    missing = answer["expected"] - answer["deliveries"]
    if answer["lost"]:
        return f"{answer['lost']:.0f} clients were cut; {missing:,.0f} of {answer['expected']:,.0f} deliveries missing"
    if answer["gaps"] or answer["repeats"]:
        return f"{answer['gaps']:,.0f} events skipped, {answer['repeats']:,.0f} repeated"
    if missing:
        share = answer["deliveries"] / answer["expected"]
        return f"{share:.0%} delivered in {answer['waited']:.0f} s, then it stopped or time was up"
    return ""


def _numbers(answer: Answer) -> Answer:
    kept = {name: answer[name] for name in ("p50_ms", "p99_ms", "p999_ms", "max_ms", "cpu_s", "seconds", "own_cpu_s")}
    return {**kept, "deliveries_s": answer["deliveries"] / max(answer["seconds"], 1e-9)}


def _run(one: Trial, load: Load) -> Row:
    answer = one.round(load.events, load.rate, load.seconds + 30)
    return Row(_numbers(answer), _loss(answer))


def burst(load: Load, rounds: int) -> Callable[[Peer], Row]:
    """The best of several in one process, after one that warms it up; of slow peers, the first."""

    def run(peer: Peer) -> Row:
        with trial(peer, load.clients) as one:
            one.clients(load.clients)
            one.connect()
            rows = []
            for _ in range(rounds + 1):
                answer = one.round(load.events, 0, 300)
                rows.append(Row(_numbers(answer), _loss(answer)))
                if rows[-1].void or answer["seconds"] > SLOW_S:
                    return rows[-1]
                time.sleep(0.5)
            return sorted(rows[1:], key=lambda row: row.numbers["seconds"])[rounds // 2]

    return run


def steady(load: Load) -> Callable[[Peer], Row]:
    """One second to warm up, then the load."""

    def run(peer: Peer) -> Row:
        with trial(peer, load.clients) as one:
            one.clients(load.clients, channels=load.channels, stalled=load.stalled)
            one.connect()
            warm = replace(load, events=max(1, int(load.rate / load.channels)))
            row = _run(one, warm)
            if row.void:
                return row
            before = one.server.memory_bytes()
            row = _run(one, load)
            grown = one.server.memory_bytes() - before
            return replace(row, numbers={**row.numbers, "grown_bytes": grown, "memory_bytes": before + grown})

    return run


def stalled(load: Load, pairs: int = 3) -> Callable[[Peer], Row]:
    """The load without the clients that stall, then with them, several times in turn; medians."""
    calm = replace(load, clients=load.clients - load.stalled, stalled=0)

    def run(peer: Peer) -> Row:
        rows: list[tuple[Row, Row]] = []
        for _ in range(pairs):
            without, row = steady(calm)(peer), steady(load)(peer)
            if without.void or row.void:
                return replace(row, void=row.void or f"without them already: {without.void}")
            rows.append((without, row))
        (p99_without, p99), (memory_without, memory) = (
            tuple(median(pair[side].numbers[name] for pair in rows) for side in (0, 1))
            for name in ("p99_ms", "memory_bytes")
        )
        extra = {
            "p99_ms": p99,
            "p99_without_ms": p99_without,
            "p99_ratio": p99 / p99_without,
            "per_stalled_bytes": (memory - memory_without) / load.stalled,
        }
        return replace(rows[-1][1], numbers={**rows[-1][1].numbers, **extra})

    return run


def storm(clients: int, seen: int, missed: int) -> Callable[[Peer], Row]:
    """All are cut, miss events, and come back at once with their last ids."""

    def run(peer: Peer) -> Row:
        with trial(peer, clients, history=True) as one:
            program = one.clients(clients, in_flight=2000)
            one.connect()
            row = _run(one, Load(clients, seen, 100))
            if row.void:
                return row
            program.say("drop")
            program.answer()
            time.sleep(3)
            one.publish(missed, 100)
            time.sleep(1)
            before, cpu = one.redis_commands(), one.server.cpu_s()
            program.say(f"expect {missed} 90 15")
            program.say("connect")
            answers = [program.answer(), program.answer()]
            commands = one.redis_commands() - before
            connected = next(answer for answer in answers if "joined" in answer)
            round_ = next(answer for answer in answers if "expected" in answer)
            numbers = {
                "seconds": max(round_["waited"], connected["seconds"]),
                "joined_s": connected["seconds"],
                "redis_commands": commands,
                "cpu_s": one.server.cpu_s() - cpu,
            }
            refused = f"{connected['refused']:.0f} clients were refused" if connected["refused"] else ""
            return Row(numbers, refused or _loss(round_))

    return run


def idle(clients: int, seconds: float) -> Callable[[Peer], Row]:
    """Connected and silent: memory of each client, and CPU of all."""

    def run(peer: Peer) -> Row:
        with trial(peer, clients) as one:
            before = one.server.memory_bytes()
            one.clients(clients)
            one.connect()
            time.sleep(4)
            memory, cpu = one.server.memory_bytes(), one.server.cpu_s()
            time.sleep(seconds)
            spent = one.server.cpu_s() - cpu
            numbers = {
                "per_client_bytes": (memory - before) / clients,
                "cpu_percent": 100 * spent / seconds,
                "empty_bytes": before,
            }
            answer = one.round(1, 0, 30)  # all of them still there?
            return Row(numbers, _loss(answer))

    return run


def handshakes(clients: int, rounds: int) -> Callable[[Peer], Row]:
    """How fast clients are taken in, 64 at a time."""

    def run(peer: Peer) -> Row:
        with trial(peer, clients) as one:
            program = one.clients(clients, in_flight=64)
            rates = []
            for _ in range(rounds + 1):
                rates.append(one.connect()["per_second"])
                program.say("drop")
                program.answer()
                time.sleep(2)
            return Row({"per_second": sorted(rates[1:])[rounds // 2]})

    return run


def scenarios(quick: bool) -> tuple[Scenario, ...]:
    """All of them; `quick`: the same clients and rates for a shorter time."""
    s = 3 if quick else 10
    rounds = 3 if quick else 5
    latency = ("p50_ms", "p99_ms", "p999_ms")
    return (
        Scenario(
            "burst",
            "1,000 events at once to 500 clients",
            burst(Load(500, 1000, 0), rounds),
            ("deliveries_s", *latency),
            "deliveries_s",
            more_is_better=True,
        ),
        Scenario(
            "sustained",
            "500 events/s to 2,000 clients",
            steady(Load(2000, 500 * s, 500)),
            (*latency, "cpu_s"),
            "p99_ms",
        ),
        Scenario(
            "sustained-8000",
            "100 events/s to 8,000 clients",
            steady(Load(8000, 100 * s, 100)),
            (*latency, "cpu_s"),
            "p99_ms",
        ),
        Scenario(
            "moderate",
            f"50 events/s to 2,000 clients for {2 * s} s",
            steady(Load(2000, 50 * 2 * s, 50)),
            ("cpu_s", *latency),
            "cpu_s",
        ),
        Scenario(
            "channels",
            "1,000 channels of 10 clients, 1,000 events/s in all",
            steady(Load(10_000, s, 1000, channels=1000)),
            (*latency, "cpu_s"),
            "cpu_s",
            needs_channels=True,
        ),
        Scenario(
            "stalled",
            "500 events/s to 1,000 clients, of which 100 don't read",
            stalled(Load(1000, 500 * s, 500, stalled=100)),
            ("p99_ms", "p99_without_ms", "p99_ratio", "per_stalled_bytes"),
            "p99_ratio",
        ),
        Scenario(
            "storm",
            "5,000 clients back at once, each 100 events behind",
            storm(5000, 20, 100),
            ("seconds", "redis_commands", "cpu_s"),
            "seconds",
            needs_recovery=True,
        ),
        Scenario(
            "idle",
            "10,000 clients, nothing published",
            idle(10_000, 2 * s),
            ("per_client_bytes", "cpu_percent", "empty_bytes"),
            "per_client_bytes",
        ),
        Scenario(
            "handshakes",
            "5,000 clients, 64 at a time",
            handshakes(5000, 1 if quick else 3),
            ("per_second",),
            "per_second",
            more_is_better=True,
        ),
    )
