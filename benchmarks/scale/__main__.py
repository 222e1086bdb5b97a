"""`python -m benchmarks.scale`: 1 to 4 front-ends on one Valkey, and on a cluster; writes results/scale.md."""

import argparse
import os
import signal
import sys

from benchmarks import quiet
from benchmarks.__main__ import RESULTS, facts
from benchmarks.processes import TooFewFiles
from benchmarks.scale import shards
from benchmarks.scale.page import markdown
from benchmarks.scale.runs import FULL, QUICK, Row, measured
from benchmarks.scale.subscribers import fans
from benchmarks.servers import simulcast_version

WAIT_S = 20.0  # for a quiet machine, before each row
PLAN = [(shards.one, count) for count in (1, 2, 3, 4)] + [(shards.cluster, count) for count in (1, 2)]


def main() -> int:
    """Returns the exit code: 1 where a client wasn't told everything."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scale", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer clients, less time; printed only")
    quick = parser.parse_args().quick
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that servers and clients are stopped
    load = QUICK if quick else FULL
    told = [*facts(1), f"Simulcast {simulcast_version('uvicorn', 'uvloop', 'redis')}"]
    if not quick:
        quiet.wait(WAIT_S)
    found = fans(load.seconds)
    print(*found, sep="\n", flush=True)
    rows: list[Row] = []
    for start, count in PLAN:
        if not quick:
            quiet.wait(WAIT_S)
        print(f"{count} front-end{'s' if count > 1 else ''}, {start.__name__} … ", end="", flush=True)
        try:
            rows.append(measured(start, count, load))
        except (OSError, EOFError, RuntimeError, TooFewFiles) as error:
            print(f"void: {error}", file=sys.stderr)
            return 1
        numbers = ", ".join(f"{name} {value:,.1f}" for name, value in rows[-1].numbers.items())
        print(f"{numbers} (others: {rows[-1].others_cores:.2f} cores)", flush=True)
    least, most = (pick(row.others_cores for row in rows) for pick in (min, max))
    told.append(f"others used {least:.2f} to {most:.2f} cores of the {os.cpu_count()} while a row was measured")
    page = markdown(rows, found, load, told)
    if not quick:
        (RESULTS / "scale.md").write_text(page)
    print(page)
    return 0


if __name__ == "__main__":
    sys.exit(main())
