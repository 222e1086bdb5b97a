"""The cost of a page of each kind of list, and of each change of state, with few downloads and many.

python -m benchmarks.listing [--downloads 100000]
"""

import argparse
import asyncio
import os
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from pathlib import Path

import redis

from benchmarks import quiet, valkey
from benchmarks.__main__ import RESULTS, facts
from benchmarks.listing.events import measure_events
from benchmarks.listing.filling import add, fill, finish
from benchmarks.results_page import write_page
from simulcast.broker import Broker
from simulcast.jobs import Jobs
from simulcast.model.commands import Command
from simulcast.model.job_page import Cursor
from simulcast.model.job_record import Query

FEW = 100
REPETITIONS = 100
CHANGES = 300
CORE = "1"  # of Valkey; this process has the other one
Costs = dict[str, tuple[float, float]]  # ms of this process, and of Redis, of each


def queries(count: int, middle: Cursor | None) -> dict[str, Query]:
    """Return each kind of page, of 100 records."""
    return {
        "the newest": Query(),
        "by cursor, from the middle": Query(cursor=middle),
        "of one state": Query(state="queued"),
        "of one owner": Query(owner="user-7"),
        "of one owner and state, by last change": Query(state="queued", owner="user-7", sort="updated_at"),
        "by last change": Query(sort="updated_at"),
        "by last change, from the middle by offset": Query(sort="updated_at", offset=count // 2),
        "that ended, by end": Query(sort="ended_at"),
        "by name (of the newest 1,000)": Query(sort="name"),
        "search with matches": Query(search="file-1"),
        "search without a match (in 2,000)": Query(search="nothing"),
    }


async def cost(client: redis.Redis, repetitions: int, act: Callable[[int], Awaitable[object]]) -> tuple[float, float]:
    """Return the ms of processor that one repetition takes, of this process and of Redis."""
    own_s, redis_s = time.process_time(), _redis_s(client)
    for number in range(repetitions):
        await act(number)
    return 1e3 * (time.process_time() - own_s) / repetitions, 1e3 * (_redis_s(client) - redis_s) / repetitions


def _redis_s(client: redis.Redis) -> float:
    cpu = client.info("cpu")
    return float(cpu["used_cpu_user"] + cpu["used_cpu_sys"])


async def measure(client: redis.Redis, url: str, count: int) -> tuple[Costs, Costs]:
    """Return the costs of pages, and of changes, with so many downloads."""
    async with aclosing(Broker.connect(url)) as broker, aclosing(Jobs.connect(url, broker)) as jobs:
        await broker.head()  # as a front-end that follows the channel
        await fill(jobs, count)
        middle = (await jobs.list(Query(offset=count // 2, limit=1))).next_cursor
        pages: Costs = {}
        for name, query in queries(count, middle).items():

            async def read(_: int, query: Query = query) -> object:
                return (await jobs.list(query)).texts

            await read(0)
            pages[name] = await cost(client, REPETITIONS, read)
        repetitions = min(CHANGES, count // 4)
        changes = {
            "added": await cost(client, repetitions, lambda n: add(jobs, count + n)),
            "begun and ended": await cost(client, repetitions, lambda _: finish(jobs)),
            "deleted": await cost(client, repetitions, lambda n: jobs.command(Command("delete", f"d{count + n}"))),
        }
        return pages, changes


def rows(few: Costs, many: Costs) -> list[str]:
    """Return a row for each cost: with many downloads, and as a multiple of that with few."""
    return [
        f"| {name} | {own:.2f} | {in_redis:.2f} | {own / few[name][0]:.2f} × | "
        f"{in_redis / max(few[name][1], 1e-6):.2f} × |"
        for name, (own, in_redis) in many.items()
    ]


def run(count: int, seconds: float) -> tuple[Costs, Costs, list[str]]:
    """Return the costs with so many downloads, and lines about events meanwhile, where there are many."""
    with tempfile.TemporaryDirectory(prefix="listing-") as folder, valkey.running(Path(folder), CORE) as (_, client):
        url = f"redis://127.0.0.1:{client.connection_pool.connection_kwargs['port']}/0"
        pages, changes = asyncio.run(measure(client, url, count))
        return pages, changes, [] if count == FEW else measure_events(url, Path(folder), seconds, int(CORE))


def main() -> int:
    """Return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.listing", description=__doc__)
    parser.add_argument("--downloads", type=int, default=100_000)
    parser.add_argument("--seconds", type=float, default=20.0, help="of events, with and without lists")
    parser.add_argument("--output", type=Path, default=RESULTS / "listing.md", help="where the report goes")
    flags = parser.parse_args()
    os.sched_setaffinity(0, {0})
    notes, others = facts(1), quiet.Others()
    few_pages, few_changes, _ = run(FEW, flags.seconds)
    pages, changes, events = run(flags.downloads, flags.seconds)
    notes.append(str(others))
    heading = ["| | ms of the process | ms of Redis | process, to 100 | Redis, to 100 |", "|---|---:|---:|---:|---:|"]
    introduction = f": processor time with {flags.downloads:,} downloads, and as a multiple of that with 100."
    body = [
        *("## A page of 100 downloads", "", *heading, *rows(few_pages, pages)),
        *("", "## A download", "", *heading, *rows(few_changes, changes)),
        *("", "## Events, while 100 connections list all the time", "", *events),
    ]
    write_page(flags.output, "Lists", parser.prog, introduction, notes, body)
    return 0


if __name__ == "__main__":
    sys.exit(main())
