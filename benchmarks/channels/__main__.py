"""10,000 channels and views on one front-end, 10 ms from Redis; writes results/channels.md.

python -m benchmarks.channels [--channels 10000] [--clients 50000]
"""

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path

from benchmarks import quiet
from benchmarks.__main__ import RESULTS, facts
from benchmarks.channels import restart, visitors
from benchmarks.channels.restart import Restart
from benchmarks.channels.visitors import Visits
from benchmarks.servers import simulcast_version

ROUND_TRIP_S = 0.010
IDLE_S = 20.0
ROUNDS = 3
MAX_RETURN_S, MAX_COMMANDS_S, MAX_GROWTH = 3.0, 200.0, 0.10


def page(returned: Restart, visits: Visits, command: str, notes: list[str]) -> str:
    """Return the report."""
    rss = ", ".join(f"{size / 2**20:.0f}" for size in visits.rss_bytes)
    lines = [
        "# Very many channels",
        "",
        f"Made by `{command}`. One front-end, {1000 * ROUND_TRIP_S:.0f} ms from Redis, follows {returned.channels:,} "
        "channels. Redis is killed and restarted, and an event is published to each channel as soon as it answers. "
        f"Then, at another front-end, {visits.clients:,} clients come and go in each of {ROUNDS} rounds, with "
        f"{visits.channels:,} channels and {visits.channels:,} views.",
        "",
        *(f"- {note}" for note in notes),
        "",
        "| | required | measured |",
        "|---|---:|---:|",
        f"| from the first answer of Redis to the last event | {MAX_RETURN_S:g} s | {returned.return_s:.2f} s |",
        f"| commands a second while idle, also inside functions | {MAX_COMMANDS_S:g} | {returned.commands_s:.0f} |",
        f"| calls a second while idle | – | {returned.calls_s:.0f} |",
        f"| all channels joined | – | {returned.joined_s:.1f} s |",
        f"| memory at the start and after each round | – | {rss} MB |",
        f"| growth after the first round | {MAX_GROWTH:.0%} | {visits.growth:.0%} |",
    ]
    return "\n".join(lines) + "\n"


async def _measured(flags: argparse.Namespace) -> tuple[Restart, Visits]:
    with tempfile.TemporaryDirectory(prefix="channels-") as folder:
        for name in ("restart", "visitors"):
            (Path(folder) / name).mkdir()
        returned = await restart.measured(flags.channels, ROUND_TRIP_S, IDLE_S, Path(folder) / "restart")
        print(returned, flush=True)
        visits = await visitors.measured(ROUNDS, flags.clients, flags.channels, Path(folder) / "visitors")
        print(visits, flush=True)
    return returned, visits


def main() -> int:
    """Return the exit code: 1 where something is not as required."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.channels", description=__doc__)
    parser.add_argument("--channels", type=int, default=9_950)
    parser.add_argument("--clients", type=int, default=50_000, help="in each round")
    parser.add_argument("--output", type=Path, default=RESULTS / "channels.md", help="where the report goes")
    flags = parser.parse_args()
    notes, others = facts(1), quiet.Others()
    returned, visits = asyncio.run(_measured(flags))
    notes.append(str(others))
    notes.append(f"Simulcast {simulcast_version('uvicorn', 'uvloop', 'redis')}")
    command = f"python -m benchmarks.channels --channels {flags.channels} --clients {flags.clients}"
    report = page(returned, visits, command, notes)
    flags.output.write_text(report)
    print(report)
    good = returned.return_s <= MAX_RETURN_S and returned.commands_s <= MAX_COMMANDS_S and visits.growth <= MAX_GROWTH
    return int(not good)


if __name__ == "__main__":
    sys.exit(main())
