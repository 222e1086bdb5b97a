"""`python -m benchmarks.faults`: each fault under load, and what clients lost; writes benchmarks/results/faults.md.

Each row is played on each topology on which it makes sense: one server, Sentinels, a cluster.
"""

import argparse
import asyncio
import os
import platform
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.faults import table
from benchmarks.faults.publish import Load
from benchmarks.faults.row import Row
from benchmarks.faults.rows import ROWS
from benchmarks.faults.topology import TITLES, TOPOLOGIES, Topology
from benchmarks.faults.trial import Result, play

RESULTS = Path(__file__).parents[1] / "results"
OCCURRENCES = 2
AT_ONCE = 3  # rows: each has its own processes, and mostly waits
QUICK_LOADS = (Load(progress=1, others=1),)
LOADS = (Load(progress=3), Load(others=3, progress=0))  # the second leaves conflation idle: nothing is pardoned


def _flags() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.faults", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="each fault once, under one load")
    parser.add_argument("--only", action="append", metavar="ROW", help="may be repeated")
    parser.add_argument("--topology", action="append", choices=TOPOLOGIES, help="may be repeated; all, where not given")
    parser.add_argument("--naive", action="store_true", help="the control, which must fail: results/faults-naive.md")
    parser.add_argument("--list", action="store_true", help="say what there is, and run nothing")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="leave journals and logs there")
    flags = parser.parse_args()
    flags.topologies = ["single"] if flags.naive else flags.topology or TOPOLOGIES
    return flags


def _facts(is_quick: bool) -> list[str]:
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False).stdout
    how_often = "once, under one load: the short run (`--quick`)" if is_quick else f"{OCCURRENCES} times a row"
    return [
        f"{time.strftime('%Y-%m-%d')}, {os.cpu_count()} cores, {platform.system()} {platform.release()}, "
        f"Python {platform.python_version()}; load average at the end {os.getloadavg()[0]:.1f}",
        f"commit {commit.strip() or 'unknown'}; each fault {how_often}; {AT_ONCE} rows side by side",
    ]


def _plan(flags: argparse.Namespace) -> Iterator[tuple[Topology, Row, Load]]:
    for topology in flags.topologies:
        for row in ROWS:
            if not flags.only or row.name in flags.only:
                loads = QUICK_LOADS if flags.quick else LOADS
                for load in loads[:1] if row.why_not(topology) else loads:
                    yield topology, row, load


async def _played(topology: Topology, row: Row, load: Load, flags: argparse.Namespace) -> Result:
    with tempfile.TemporaryDirectory(prefix="faults-") as temporary:
        folder = Path(temporary)
        if flags.keep:
            folder = flags.keep / f"{topology}-{row.name}-{load.progress}-{load.others}"
            folder.mkdir(parents=True)
        return await play(row, load, folder, topology, 1 if flags.quick else OCCURRENCES, flags.naive)


async def run(flags: argparse.Namespace) -> int:
    """The exit code: 1 where something was wrong."""
    room = asyncio.Semaphore(AT_ONCE)
    print(table.HEADING, table.RULE, sep="\n", flush=True)

    async def played(topology: Topology, row: Row, load: Load) -> Result:
        async with room:
            result = await _played(topology, row, load, flags)
        print(table.line(result, f"[{topology}] "), flush=True)
        for complaint in result.complaints():
            print(complaint, file=sys.stderr)
        return result

    results = await asyncio.gather(*(played(*planned) for planned in _plan(flags)))
    if not flags.only:
        path = RESULTS / ("faults-naive.md" if flags.naive else "faults.md")
        before = path.read_text() if path.exists() else ""
        path.write_text(table.page(results, _facts(flags.quick), flags.naive, before))
    return int(any(not result.is_good or result.too_silent for result in results))


def main() -> int:
    flags = _flags()
    if unknown := set(flags.only or ()) - {row.name for row in ROWS}:
        print(f"there is no row {', '.join(unknown)}; --list names them all", file=sys.stderr)
        return 2
    if flags.list:
        for topology in flags.topologies:
            print(f"{topology}: {TITLES[topology]}")
            for row in ROWS:
                why = row.why_not(topology)
                print(f"  {row.name:20} {row.title}{f' (not run: {why})' if why else ''}")
        return 0
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what was started is ended
    return asyncio.run(run(flags))


if __name__ == "__main__":
    sys.exit(main())
