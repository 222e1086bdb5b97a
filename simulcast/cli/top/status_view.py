"""The status of all processes and the queue, as `simulcast top` shows it to people.

Names from Redis are cleaned before they reach a terminal.
"""

from collections.abc import Mapping, Sequence

from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.text import Text

from simulcast.cli.top.fitting_table import Column, fitting_table
from simulcast.cli.watch.job_table import clean, size
from simulcast.model.job_record import State
from simulcast.model.processes import FrontEndRecord, ServiceStatus, WorkerRecord

NOTHING_RUNS = (
    "No front-end and no worker runs on this Redis: start them with `simulcast up`, or one by one with "
    "`simulcast serve` and `simulcast work`."
)
_FRONT_END_COLUMNS = {
    "CLIENTS AT": 7,
    "METRICS AT": 8,
    "UP": 5,
    "CLIENTS": 0,
    "BEHIND": 2,
    "EVENTS/s": 4,
    "DELIVERIES/s": 3,
    "BYTES/s": 6,
    "LAG": 1,
}
"""Title and rank: where the terminal is narrow, those of high rank are left out first."""


class StatusView:
    """The status as tables for a terminal of any width."""

    def __init__(self, status: ServiceStatus) -> None:
        self._status = status

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        front_ends, workers = self._status.front_ends, self._status.workers
        if not front_ends and not workers:
            yield Text(NOTHING_RUNS, style="yellow")
            yield ""
        if front_ends:
            yield Text(_describe_front_ends(front_ends), style="bold")
            yield self._front_ends(options.max_width)
            for record in front_ends:
                if record.trouble:
                    yield Text(f"{_name(record.name)} has no events: {clean(record.trouble)}", style="red")
            yield ""
        if workers:
            yield Text(_describe_workers(workers), style="bold")
            yield self._workers(options.max_width)
            yield ""
        yield Text(_describe_queue(self._status), style="bold")
        if self._status.other_jobs:
            yield Text(f"other jobs: {_counts(self._status.other_jobs)}", style="bold")

    def _front_ends(self, cells: int) -> RenderableType:
        columns = [Column(title, rank) for title, rank in _FRONT_END_COLUMNS.items()]
        rows = []
        for record in self._status.front_ends:
            lag = "" if record.lag_s is None else _short(record.lag_s)
            numbers = (f"{record.clients:,}", f"{record.behind:,}", f"{record.events_per_s:,.1f}")
            rates = (f"{record.deliveries_per_s:,.1f}", size(record.bytes_per_s), lag)
            addresses = (clean(record.address), clean(record.admin))
            rows.append((_name(record.name), *addresses, self._up(record.started_at), *numbers, *rates))
        return fitting_table("FRONT-END", columns, rows, cells)

    def _workers(self, cells: int) -> RenderableType:
        columns = [Column("UP", 2), Column("DOWNLOADS", 0), Column("BYTES/s", 1)]
        rows = []
        for record in self._status.workers:
            downloads = f"{record.running} of {record.max_downloads}"
            rows.append((_name(record.name), self._up(record.started_at), downloads, size(record.bytes_per_s)))
        return fitting_table("WORKER", columns, rows, cells)

    def _up(self, started_at: float) -> str:
        return _short(max(0.0, self._status.at - started_at))


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


def _describe_queue(queue: ServiceStatus) -> str:
    counts = _counts(queue.jobs)
    if queue.longest_wait_s is None:
        return f"downloads: {counts}"
    return f"downloads: {counts}; the oldest in the queue has waited for {_short(queue.longest_wait_s)}"


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
