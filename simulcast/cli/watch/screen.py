"""The output of `simulcast watch`: bars in a terminal, plain lines elsewhere."""

import asyncio
import json
from contextlib import suppress
from typing import Protocol

import typer
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from simulcast.cli.text import ShortenedText
from simulcast.cli.watch.job_table import JobTable, Line, Row, size

REFRESHES_A_SECOND = 8
_OTHER_LINES = 3  # the number of hidden rows, the status, the cursor
_STYLES = {"complete": "green", "error": "red", "cancelled": "yellow"}


class Screen(Protocol):
    """An output for lines, each of one received message, and a status."""

    def line(self, line: Line, message: str) -> None: ...
    def status(self, text: str) -> None: ...


class PlainLines:
    """One line a message, for pipes and logs; the status goes to standard error."""

    def line(self, line: Line, message: str) -> None:
        typer.echo(str(line))

    def status(self, text: str) -> None:
        typer.echo(text, err=True)


class JsonLines:
    """Each message as it came, in one line; text that is no JSON object as {"text": …}. The status is JSON, too."""

    def line(self, line: Line, message: str) -> None:
        if line.label == "text" or not message.isprintable():
            message = json.dumps({"text": message} if line.label == "text" else json.loads(message))
        typer.echo(message)

    def status(self, text: str) -> None:
        typer.echo(json.dumps({"status": text}), err=True)


class Bars:
    """One bar for each download or job beneath the lines of those that have ended; as many as the terminal holds."""

    def __init__(self, table: JobTable, console: Console) -> None:
        self._table = table
        self._console = console
        self._status = ""
        self._live = Live(console=console, auto_refresh=False, get_renderable=self._draw)

    def line(self, line: Line, message: str) -> None:
        if line.lasting:
            self._console.print(Text(str(line), style=_STYLES.get(line.label, "")))

    def status(self, text: str) -> None:
        self._status = text

    async def run(self) -> None:
        """Refresh until cancelled. All drawing happens here, so no lock is needed."""
        with self._live, suppress(asyncio.CancelledError):
            while True:
                self._live.refresh()
                await asyncio.sleep(1 / REFRESHES_A_SECOND)

    def _draw(self) -> RenderableType:
        room = max(1, self._console.size.height - _OTHER_LINES)
        rows = list(self._table.rows.values())
        parts: list[RenderableType] = [self._rows(rows[:room])] if rows else []
        if len(rows) > room:
            parts.append(Text(f"… and {len(rows) - room} more", style="dim"))
        return Group(*parts, Text(self._status, style="dim", no_wrap=True, overflow="ellipsis"))

    def _rows(self, rows: list[Row]) -> Table:
        table = Table.grid(padding=(0, 1), expand=True)
        table.add_column(ratio=3)
        table.add_column(ratio=2)
        for _ in range(3):
            table.add_column(justify="right", no_wrap=True)
        for row in rows:
            known, is_silent = row.total > 0 or row.progress > 0, self._table.is_silent(row)
            is_unknown = not known and row.state == "running" and not is_silent
            bar = ProgressBar(total=1.0 if known else None, completed=row.progress, pulse=is_unknown)
            how_far = row.amount if row.is_job else f"{size(row.speed)}/s"
            middle = "silent" if is_silent else how_far if row.state == "running" else row.state
            left = "" if is_silent else _clock(row.remaining_s)
            table.add_row(ShortenedText(row.name), bar, f"{row.progress:.0%}" if known else "", Text(middle), left)
        return table


def _clock(seconds: float | None) -> str:
    if seconds is None:
        return ""
    minutes, rest = divmod(round(min(seconds, 359_999)), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{rest:02}" if minutes >= 60 else f"{minutes}:{rest:02}"
