"""An hour of 2,000 ordinary clients beside hostile ones, which do all that one address may.

python -m benchmarks.neighbours [--minutes 60] [--seed 1]     writes benchmarks/results/neighbours.md
"""

import argparse
import signal
import sys
from pathlib import Path

from benchmarks import build, quiet
from benchmarks.__main__ import RESULTS, facts
from benchmarks.neighbours.soak import MAX_FRONT_END_BYTES, MAX_RATIO, Load, Soak, run
from benchmarks.servers import simulcast_version

CYCLE_S = 300.0  # four minutes with neighbours, one without


def load_of(minutes: float) -> Load:
    """Return whole cycles, or one that is shorter."""
    cycles = max(1, round(minutes * 60 / CYCLE_S))
    return Load(cycles=cycles, round_s=minutes * 60 / cycles / 5)


def _cycle(soak: Soak, number: int) -> str:
    size = soak.load.with_rounds + 1
    rounds = soak.rounds[number * size : (number + 1) * size]
    first_s = soak.rounds[number * size - 1].ended_s if number else 0.0
    held = [bytes_ for at, bytes_ in soak.memory if first_s <= at <= rounds[-1].ended_s]
    p99s = [f"{one.answer['p99_ms']:.0f}" for one in rounds]
    cpus = [f"{one.answer['cpu_s'] / soak.load.round_s:.2f}" for one in rounds]
    return (
        f"| {rounds[-1].ended_s / 60:.0f} | {', '.join(p99s[:-1])} | {p99s[-1]} | {', '.join(cpus[:-1])} | {cpus[-1]} "
        f"| {max(held) / 2**20:.0f} |"
    )


def page(soak: Soak, command: str, notes: list[str]) -> str:
    """Return the report."""
    load = soak.load
    received = sum(one.answer["deliveries"] for one in soak.rounds)
    lost = sum(one.answer["expected"] - one.answer["deliveries"] for one in soak.rounds)
    gaps, repeats, cut = (sum(one.answer[name] for one in soak.rounds) for name in ("gaps", "repeats", "lost"))
    quarters = ", ".join(f"{soak.quarter_bytes(number) / 2**20:.0f}" for number in range(4))
    p99s = f"{soak.p99_ms(True):.1f}, {soak.p99_ms(False):.1f}"
    complaints = soak.complaints()
    lines = [
        "# Hostile neighbours",
        "",
        f"Made by `{command}`. {load.clients:,} ordinary clients receive {load.rate:g} events a second, none of which "
        f"may be conflated. In turn, {load.with_rounds} rounds of {load.round_s:.0f} s have neighbours and one has "
        f"none. Neighbours are one address with {load.connections:,} connections. Each of them draws channels "
        "(the ordinary one, channels with 32 MiB of history, made-up ones, 50 of them in one connection), a way of "
        "joining, an interval, and a way of reading: nothing, a few KB a second, all; others leave immediately, or "
        "vanish. Crowds return with positions of another epoch.",
        "",
        *(f"- {note}" for note in notes),
        "",
        "| | required | measured |",
        "|---|---:|---:|",
        f"| front-end memory, at most | {MAX_FRONT_END_BYTES / 2**20:.0f} MB | {soak.max_bytes / 2**20:.0f} MB |",
        f"| its medians by quarter | flat | {quarters} MB |",
        f"| ordinary clients' p99, with neighbours and without | – | {p99s} ms |",
        f"| ratio | {MAX_RATIO:g} | {soak.ratio:.2f} |",
        f"| polls of `/ready` that were red | 0 | {len(soak.red)} of {soak.polls:,} |",
        f"| deliveries, each once and in order | all | {received:,.0f} |",
        f"| lost, repeated, skipped; ordinary clients cut | 0 | {lost:,.0f}, {repeats:,.0f}, {gaps:,.0f}; {cut:.0f} |",
        "",
        "| min | p99 ms with | without | cores with | without | MB, at most |",
        "|---:|---|---:|---|---:|---:|",
        *(_cycle(soak, number) for number in range(load.cycles)),
        "",
        f"Neighbours: {', '.join(f'{name} {count:,}' for name, count in soak.counts.most_common())}.",
        *(["", "Not as required:", "", *(f"- {one}" for one in complaints)] if complaints else []),
    ]
    return "\n".join(lines) + "\n"


def main() -> int:
    """Return the exit code: 1 where something is not as required."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.neighbours", description=__doc__)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--seed", type=int, default=1, help="of what neighbours draw")
    parser.add_argument("--output", type=Path, default=RESULTS / "neighbours.md", help="where the report goes")
    flags = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that all programs end
    build.native("clients"), build.native("publish")
    notes, others = facts(1), quiet.Others()
    soak = run(load_of(flags.minutes), flags.seed)
    notes.append(str(others))
    notes.append(f"Simulcast {simulcast_version('uvicorn', 'uvloop', 'redis')}")
    report = page(soak, f"python -m benchmarks.neighbours --minutes {flags.minutes:g} --seed {flags.seed}", notes)
    flags.output.write_text(report)
    print(report)
    return int(bool(soak.complaints()))


if __name__ == "__main__":
    sys.exit(main())
