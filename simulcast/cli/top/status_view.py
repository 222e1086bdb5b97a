"""What `simulcast top` shows: one picture of all processes and the queue, as text for people and as JSON for programs.

What came from others is cleaned before it gets to a terminal.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from simulcast.cli.watch.download_table import clean, size
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
    survey: QueueStats

    def as_json(self) -> str:
        """One object, in a line. Rates are per second, sizes bytes, times seconds."""
        return json.dumps(
            {
                "at": self.at,
                "front_ends": [each.model_dump() for each in self.processes.front_ends],
                "workers": [each.model_dump() for each in self.processes.workers],
                "jobs": dict(self.survey.jobs),
                "longest_wait_s": self.survey.longest_wait_s,
                "totals": dict(self.processes.totals),
            }
        )

    def render(self) -> RenderableType:
        """For a terminal, as wide as it is."""
        front_ends, workers = self.processes.front_ends, self.processes.workers
        parts: list[RenderableType] = []
        if not front_ends and not workers:
            parts += [Text(NOTHING_RUNS, style="yellow"), ""]
        if front_ends:
            parts += [Text(_all_front_ends(front_ends), style="bold"), self._front_ends(), ""]
        if workers:
            parts += [Text(_all_workers(workers), style="bold"), self._workers(), ""]
        return Group(*parts, Text(_queue(self.survey), style="bold"))

    def _front_ends(self) -> Table:
        table = _table(
            ("FRONT-END", "CLIENTS AT", "METRICS AT"),
            ("UP", "CLIENTS", "BEHIND", "EVENTS/s", "DELIVERIES/s", "BYTES/s", "LAG"),
        )
        for each in self.processes.front_ends:
            lag = "" if each.lag_s is None else _short(each.lag_s)
            numbers = (f"{each.clients:,}", f"{each.behind:,}", f"{each.events_per_s:,.1f}")
            rates = (f"{each.deliveries_per_s:,.1f}", size(each.bytes_per_s), lag)
            place = (clean(each.address), clean(each.admin))
            table.add_row(_name(each.name), *place, self._up(each.started_at), *numbers, *rates)
            if each.trouble:
                table.add_row(Text(f"  no events: {clean(each.trouble)}", style="red"))
        return table

    def _workers(self) -> Table:
        table = _table(("WORKER",), ("UP", "DOWNLOADS", "BYTES/s"))
        for each in self.processes.workers:
            downloads = f"{each.running} of {each.at_once}"
            table.add_row(_name(each.name), self._up(each.started_at), downloads, size(each.bytes_per_s))
        return table

    def _up(self, started_at: float) -> str:
        return _short(max(0.0, self.at - started_at))


def _all_front_ends(found: Iterable[FrontEndRecord]) -> str:
    every = list(found)
    behind = sum(each.behind for each in every)
    lag = max((each.lag_s for each in every if each.lag_s is not None), default=None)
    return ", ".join(
        (
            _number(len(every), "front-end"),
            _number(sum(each.clients for each in every), "client") + (f" ({behind:,} behind)" if behind else ""),
            f"{sum(each.deliveries_per_s for each in every):,.1f} deliveries/s",
            f"{size(sum(each.bytes_per_s for each in every))}/s",
            "no events" if lag is None else f"lag {_short(lag)}",
        )
    )


def _all_workers(found: Iterable[WorkerRecord]) -> str:
    every = list(found)
    running, places = sum(each.running for each in every), sum(each.at_once for each in every)
    return f"{_number(len(every), 'worker')}, {running:,} of {places:,} downloads, " + (
        f"{size(sum(each.bytes_per_s for each in every))}/s"
    )


def _queue(survey: QueueStats) -> str:
    counts = ", ".join(f"{count:,} {state}" for state, count in survey.jobs.items())
    if survey.longest_wait_s is None:
        return f"downloads: {counts}"
    return f"downloads: {counts}; the oldest in the queue waits for {_short(survey.longest_wait_s)}"


def _table(left: Iterable[str], right: Iterable[str]) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for title in left:
        table.add_column(title, overflow="fold")
    for title in right:
        table.add_column(title, justify="right", no_wrap=True)
    return table


def _name(name: str) -> str:
    """Host and process id; what tells it from an earlier one with the same id is left out."""
    return clean(":".join(name.split(":")[:2]))


def _number(count: int, what: str) -> str:
    return f"{count:,} {what}" if count == 1 else f"{count:,} {what}s"


def _short(seconds: float) -> str:
    """A time in one unit: 12 ms, 3.4 s, 5 min, 6 h, 7 d."""
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.1f} s"
