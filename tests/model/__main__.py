"""Random commands, kills, stalls and failovers against a model.

python -m tests.model --seed 3 --topology sentinel --seconds 60
"""

import argparse
import asyncio
import signal
import sys
import tempfile
from pathlib import Path

from tests.model.page import page
from tests.model.run import Outcome, run
from tests.model.stage import TOPOLOGIES, Topology


async def _run(topology: Topology, seed: int, seconds: float, folder: Path) -> Outcome:
    """Play one run. SIGTERM cancels it, so that all its programs end."""
    task = asyncio.current_task()
    assert task is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    return await run(topology, seed, seconds, folder)


def _command(flags: argparse.Namespace) -> str:
    """Return the command without the places of its output."""
    topologies = "".join(f" --topology {topology}" for topology in flags.topology or ())
    return f"python -m tests.model --seed {flags.seed} --seeds {flags.seeds}{topologies} --seconds {flags.seconds:g}"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.model", description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="the first one")
    parser.add_argument("--seeds", type=int, default=1, help="how many")
    parser.add_argument("--topology", action="append", choices=TOPOLOGIES, help="may be repeated; all, where not given")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="leave logs and files there")
    parser.add_argument("--output", type=Path, metavar="FILE", help="write a page of all runs")
    flags = parser.parse_args()
    outcomes: list[Outcome] = []
    for seed in range(flags.seed, flags.seed + flags.seeds):
        for topology in flags.topology or TOPOLOGIES:
            with tempfile.TemporaryDirectory(prefix="model-") as temporary:
                folder = flags.keep / f"{topology}-{seed}" if flags.keep else Path(temporary)
                folder.mkdir(parents=True, exist_ok=not flags.keep)
                outcome = asyncio.run(_run(topology, seed, flags.seconds, folder))
            print(outcome.text(), flush=True)
            outcomes.append(outcome)
            if flags.output:
                flags.output.write_text(page(outcomes, _command(flags)))
    return int(any(outcome.violations for outcome in outcomes))


if __name__ == "__main__":
    sys.exit(main())
