"""The status of all processes and the queue, as `simulcast top` shows it: a table for people, JSON for programs.

Names from Redis are cleaned before they reach a terminal.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from simulcast.cli.watch.job_table import clean, size
from simulcast.model.job_record import State
from simulcast.process_registry import FrontEndRecord, Processes, QueueStats, WorkerRecord

NOTHING_RUNS = (
    "No front-end and no worker runs on this Redis: start them with `simulcast up`, or one by one with "
    "`simulcast serve` and `simulcast work`."
)


@dataclass(frozen=True, slots=True)
class StatusView:
    """`at`: seconds since 1970."""

    at: float
    processes: Processes
    queue: QueueStats

    def as_json(self) -> str:
        """Return one object, in one line. Rates are per second, sizes in bytes, times in seconds."""
        return json.dumps(
            {
                "at": self.at,
                "front_ends": [record.model_dump() for record in self.processes.front_ends],
                "workers": [record.model_dump() for record in self.processes.workers],
                "jobs": dict(self.queue.jobs),
                "other_jobs": dict(self.queue.other_jobs),
                "longest_wait_s": self.queue.longest_wait_s,
                "totals": dict(self.processes.totals),
            }
        )

    def render(self) -> RenderableType:
        """Return tables for a terminal of any width."""
        front_ends, workers = self.processes.front_ends, self.processes.workers
        parts: list[RenderableType] = []
        if not front_ends and not workers:
            parts += [Text(NOTHING_RUNS, style="yellow"), ""]
        if front_ends:
            parts += [Text(_describe_front_ends(front_ends), style="bold"), self._front_ends(), ""]
        if workers:
            parts += [Text(_describe_workers(workers), style="bold"), self._workers(), ""]
        parts.append(Text(_describe_queue(self.queue), style="bold"))
        if self.queue.other_jobs:
            parts.append(Text(f"other jobs: {_counts(self.queue.other_jobs)}", style="bold"))
        return Group(*parts)

    def _front_ends(self) -> Table:
        table = _table(
            ("FRONT-END", "CLIENTS AT", "METRICS AT"),
            ("UP", "CLIENTS", "BEHIND", "EVENTS/s", "DELIVERIES/s", "BYTES/s", "LAG"),
        )
        for record in self.processes.front_ends:
            lag = "" if record.lag_s is None else _short(record.lag_s)
            numbers = (f"{record.clients:,}", f"{record.behind:,}", f"{record.events_per_s:,.1f}")
            rates = (f"{record.deliveries_per_s:,.1f}", size(record.bytes_per_s), lag)
            addresses = (clean(record.address), clean(record.admin))
            table.add_row(_name(record.name), *addresses, self._up(record.started_at), *numbers, *rates)
            if record.trouble:
                table.add_row(Text(f"  no events: {clean(record.trouble)}", style="red"))
        return table

    def _workers(self) -> Table:
        table = _table(("WORKER",), ("UP", "DOWNLOADS", "BYTES/s"))
        for record in self.processes.workers:
            downloads = f"{record.running} of {record.max_downloads}"
            table.add_row(_name(record.name), self._up(record.started_at), downloads, size(record.bytes_per_s))
        return table

    def _up(self, started_at: float) -> str:
        return _short(max(0.0, self.at - started_at))


def _describe_front_ends(records: Sequence[FrontEndRecord]) -> str:
    behind = sum(record.behind for record in records)
    lag = max((record.lag_s for record in records if record.lag_s is not None), default=None)
    return ", ".join(
        (
            _count(len(records), "front-end"),
            _count(sum(record.clients for record in records), "client") + (f" ({behind:,} behind)" if behind else ""),
            f"{sum(record.deliveries_per_s for record in records):,.1f} deliveries/s",
            f"{size(sum(record.bytes_per_s for record in records))}/s",
            "no events" if lag is None else f"lag {_short(lag)}",
        )
    )


def _describe_workers(records: Sequence[WorkerRecord]) -> str:
    running, allowed = sum(record.running for record in records), sum(record.max_downloads for record in records)
    speed = size(sum(record.bytes_per_s for record in records))
    return f"{_count(len(records), 'worker')}, {running:,} of {allowed:,} downloads, {speed}/s"


def _counts(jobs: Mapping[State, int]) -> str:
    return ", ".join(f"{count:,} {state}" for state, count in jobs.items())


def _describe_queue(queue: QueueStats) -> str:
    counts = _counts(queue.jobs)
    if queue.longest_wait_s is None:
        return f"downloads: {counts}"
    return f"downloads: {counts}; the oldest in the queue has waited for {_short(queue.longest_wait_s)}"


def _table(left: Iterable[str], right: Iterable[str]) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for title in left:
        table.add_column(title, overflow="fold")
    for title in right:
        table.add_column(title, justify="right", no_wrap=True)
    return table


def _name(name: str) -> str:
    """Return host and process id; the suffix against reused process ids is left out."""
    return clean(":".join(name.split(":")[:2]))


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def _short(seconds: float) -> str:
    """Return a duration in one unit: 12 ms, 3.4 s, 5 min, 6 h, 7 d."""
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.1f} s"
