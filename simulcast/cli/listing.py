"""The records of `simulcast list`: a table that fits into a terminal, whole lines elsewhere."""

from collections.abc import Sequence

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Table
from rich.text import Text

from simulcast.cli.text import ShortenedText
from simulcast.cli.watch.job_table import clean, describe_result
from simulcast.model.job_record import JobRecord
from simulcast.model.own_job import OwnJobRecord

MIN_NAME_CELLS = 20  # with fewer of them left beside its id, a record has two lines
_STATE_CELLS, _PROGRESS_CELLS = 10, 4
_STYLES = {"complete": "green", "error": "red", "cancelled": "yellow"}

Record = JobRecord | OwnJobRecord


def parts(record: Record) -> tuple[str, str, str, str, str]:
    """Return id, state, progress, name and details, fit for a terminal."""
    if isinstance(record, JobRecord):
        job_id, state = record.download_id, record.phase or record.state
        details = [record.error_message or record.file_path or ""]
    else:
        job_id, state = record.job_id, "cancelling" if record.cancel_requested else record.state
        result = describe_result(record.result) if record.result is not None else ""
        details = [record.kind, record.error_message or result or record.message or ""]
    rest = "  ".join(filter(None, map(clean, details)))
    return clean(job_id), clean(state), f"{record.progress:.0%}", clean(record.name), rest


def line(record: Record) -> str:
    """Return the record in one line, however long."""
    job_id, state, progress, *texts = parts(record)
    return "  ".join(filter(None, (f"{job_id}  {state:<9} {progress:>4}", *texts)))


class Listing:
    """Records as a table. Ids are never shortened: a command needs the whole one."""

    def __init__(self, records: Sequence[Record]) -> None:
        self._rows = [parts(record) for record in records]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        id_cells = max((cell_len(row[0]) for row in self._rows), default=0)
        if id_cells + _STATE_CELLS + _PROGRESS_CELLS + MIN_NAME_CELLS + 6 <= options.max_width:
            yield _table(self._rows, with_id=True)
            return
        for row in self._rows:
            yield Text(row[0], overflow="fold")
            yield _table([row], with_id=False)


def _table(rows: Sequence[tuple[str, str, str, str, str]], *, with_id: bool) -> Table:
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True, justify="right")
    for job_id, state, progress, name, details in rows:
        first = Text(job_id if with_id else "")
        table.add_row(
            first, Text(state, _STYLES.get(state, "")), progress, ShortenedText(name), ShortenedText(details, "dim")
        )
    return table
