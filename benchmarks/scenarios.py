"""What is measured. Each scenario takes a peer and answers with one row; a row that lost anything is void."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from statistics import median

from benchmarks.processes import Answer
from benchmarks.servers import Peer
from benchmarks.trial import QUIET_S, Trial, trial

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


def stayed(clients: int, crowd: int, rate: float, seconds: float) -> Callable[[Peer], Row]:
    """Those who stay, once alone and once while a crowd, which was cut and missed what they got alone, comes back."""
    events = int(rate * seconds)

    def run(peer: Peer) -> Row:
        with trial(peer, clients + crowd, history=True) as one:
            here = one.clients(clients)
            one.connect()
            returning = one.clients(crowd, in_flight=2000)
            one.connect()
            for program in (here, returning):
                program.say(f"expect 20 30 {QUIET_S}")
            one.publish(20, 100)
            losses = [_loss(program.answer()) for program in (here, returning)]
            returning.say("drop")
            returning.answer()
            time.sleep(3)
            here.say(f"expect {events} 90 {QUIET_S}")
            one.publish(events, rate)
            alone = here.answer()
            here.say(f"expect {events} 90 {QUIET_S}")
            returning.say(f"expect {2 * events} 90 {QUIET_S}")
            returning.say("connect")
            one.publish(events, rate)
            meanwhile, answers = here.answer(), [returning.answer(), returning.answer()]
            connected = next(answer for answer in answers if "joined" in answer)
            back = next(answer for answer in answers if "expected" in answer)
            numbers = {"p99_without_ms": alone["p99_ms"], "joined_s": connected["seconds"]}
            numbers |= {name: meanwhile[name] for name in ("p50_ms", "p99_ms", "p999_ms", "max_ms")}
            losses += [_loss(answer) for answer in (alone, meanwhile, back)]
            return Row(numbers, next(filter(None, losses), ""))

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
