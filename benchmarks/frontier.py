"""`python -m benchmarks.frontier`: p99 against CPU at rising load, ours and the fastest peers; results/frontier.md."""

import argparse
import math
import signal
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

from benchmarks import build
from benchmarks.__main__ import RESULTS, facts, measured
from benchmarks.processes import TooFewFiles
from benchmarks.report import summary
from benchmarks.scenarios import Load, Row, Scenario, steady
from benchmarks.servers import PEERS, Peer

CLIENTS = 2000
RATES = (50, 100, 200, 300, 400, 500, 600)  # events a second: 0.1 to 1.2 million deliveries
SERVERS = ("simulcast", "simulcast-latency", "uwebsockets", "centrifuge-delay", "centrifuge", "floor-valkey")
WIDTH, HEIGHT, LEFT, BOTTOM = 760, 420, 60, 40
_COLOURS = ("#0b6bcb", "#4493f8", "#c2410c", "#57606a", "#9aa4b2", "#2da44e")
_STYLE = "text{font:12px system-ui,sans-serif;fill:#57606a}polyline{fill:none;stroke-width:2}"

Rows = Mapping[int, Mapping[str, Sequence[Row]]]  # by rate, by peer


@dataclass(frozen=True, slots=True)
class Point:
    """Medians. `cpu`: of one core."""

    p99_ms: float
    cpu: float

    def beats(self, other: "Point") -> bool:
        """Whether it is better in both."""
        return self.p99_ms < other.p99_ms and self.cpu < other.cpu


def points(rows: Rows, name: str, seconds: float) -> dict[int, Point]:
    """The points of a peer by rate, without those that are void."""
    found = {rate: summary(peers[name], "p99_ms") for rate, peers in rows.items() if peers.get(name)}
    return {
        rate: Point(one.numbers["p99_ms"], one.numbers["cpu_s"] / seconds)
        for rate, one in found.items()
        if not one.void
    }


def markdown(rows: Rows, peers: Sequence[Peer], seconds: float, told: Sequence[str]) -> str:
    """The page."""
    curves = {peer.name: points(rows, peer.name, seconds) for peer in peers}
    lines = [
        "# p99 against processor time",
        "",
        f"Made by `python -m benchmarks.frontier`: {CLIENTS:,} clients, events at a steady rate for {seconds:.0f} s.",
        "One core for each server; clients, publisher and Valkey share the other. Cells: p99 in ms, CPU of one core.",
        "",
        *(f"- {fact}" for fact in told),
        "",
        "![curves](frontier.svg)",
        "",
        f"| M deliveries/s | {' | '.join(peer.title for peer in peers)} |",
        f"|---:|{'---:|' * len(peers)}",
    ]
    for rate in rows:
        cells = [_cell(curves[peer.name].get(rate)) for peer in peers]
        lines.append(f"| {rate * CLIENTS / 1e6:.1f} | {' | '.join(cells)} |")
    lines += ["", *(_verdict(peer, peers, curves) for peer in peers if peer.is_ours), ""]
    return "\n".join(lines)


def _cell(point: Point | None) -> str:
    return "–" if point is None else f"{point.p99_ms:.1f}, {point.cpu:.0%}"


def _verdict(ours: Peer, peers: Sequence[Peer], curves: Mapping[str, Mapping[int, Point]]) -> str:
    """Who is better than this one of ours in both numbers, and where."""
    better = [
        f"{peer.title} at {rate * CLIENTS / 1e6:.1f} M/s"
        for peer in peers
        for rate, point in curves[peer.name].items()
        if not peer.is_ours and rate in curves[ours.name] and point.beats(curves[ours.name][rate])
    ]
    return f"- Better than {ours.title} in both numbers: {', '.join(better) or 'none'}."


def svg(rows: Rows, peers: Sequence[Peer], seconds: float) -> str:
    """The curves: CPU to the right, p99 up, logarithmic; one mark a rate."""
    curves = {peer.name: points(rows, peer.name, seconds) for peer in peers}
    every = [point.p99_ms for curve in curves.values() for point in curve.values()] or [1.0]
    low, high = math.log10(min(every)) - 0.05, math.log10(max(every)) + 0.05
    parts = [f'<text x="{WIDTH - 8}" y="{HEIGHT - 8}" text-anchor="end">CPU of one core</text>']
    parts.append('<text x="8" y="16">p99 ms</text>')
    for share in (0.2, 0.4, 0.6, 0.8, 1.0):
        parts.append(f'<text x="{_x(share):.0f}" y="{HEIGHT - 22}" text-anchor="middle">{share:.0%}</text>')
    for power in range(math.ceil(low), math.floor(high) + 1):
        parts.append(f'<text x="{LEFT - 8}" y="{_y(power, low, high) + 4:.0f}" text-anchor="end">{10**power:g}</text>')
    for number, (peer, colour) in enumerate(zip(peers, _COLOURS, strict=False)):
        marks = [(_x(point.cpu), _y(math.log10(point.p99_ms), low, high)) for point in curves[peer.name].values()]
        line = " ".join(f"{x:.1f},{y:.1f}" for x, y in marks)
        parts.append(f'<polyline stroke="{colour}" points="{line}"/>')
        parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in marks]
        parts.append(f'<text x="{LEFT + 12}" y="{34 + 17 * number}" style="fill:{colour}">{escape(peer.title)}</text>')
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" role="img">'
    return "\n".join([head, f"<style>{_STYLE}</style>", *parts, "</svg>", ""])


def _x(cpu: float) -> float:
    return LEFT + (WIDTH - LEFT - 20) * min(cpu, 1.05) / 1.05


def _y(log_ms: float, low: float, high: float) -> float:
    return 20 + (HEIGHT - BOTTOM - 20) * (high - log_ms) / (high - low)


def main() -> int:
    """Returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.frontier", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="every other load, 4 s each; printed only")
    parser.add_argument("--only", action="append", choices=SERVERS, metavar="PEER", help="may be repeated")
    parser.add_argument("--repetitions", type=int, default=1)
    flags = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that servers and clients are stopped
    seconds = 4 if flags.quick else 10
    peers = [peer for peer in PEERS if peer.name in (flags.only or SERVERS)]
    rows: dict[int, dict[str, list[Row]]] = {rate: {} for rate in (RATES[::2] if flags.quick else RATES)}
    missing: set[str] = set()
    told = facts(flags.repetitions)
    for _ in range(flags.repetitions):
        for rate, peer in ((rate, peer) for rate in rows for peer in peers):
            if peer.name in missing:
                continue
            scenario = Scenario(str(rate), "", steady(Load(CLIENTS, rate * seconds, rate)), (), "p99_ms")
            print(f"{rate} events/s, {peer.name} … ", end="", flush=True)
            try:
                row = measured(scenario, peer, 0 if flags.quick else 2)
            except (build.NotBuilt, TooFewFiles) as error:
                missing.add(peer.name)
                print(f"left out: {error}", flush=True)
                continue
            rows[rate].setdefault(peer.name, []).append(row)
            done = row.void or f"p99 {row.numbers['p99_ms']:.1f} ms, CPU {row.numbers['cpu_s']:.2f} s"
            print(f"{done} (others: {row.others_cores:.2f} cores)", flush=True)
    told += [f"{peer.title}: {peer.version()}" for peer in peers if peer.name not in missing]
    page = markdown(rows, [peer for peer in peers if peer.name not in missing], seconds, told)
    if not flags.quick:
        (RESULTS / "frontier.md").write_text(page)
        (RESULTS / "frontier.svg").write_text(svg(rows, peers, seconds))
    print(page)
    return 0


if __name__ == "__main__":
    sys.exit(main())
