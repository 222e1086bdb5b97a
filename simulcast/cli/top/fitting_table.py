"""A table that fits into a terminal: columns are left out, and names shortened, where it is narrow."""

from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from rich.table import Table

from simulcast.cli.text import ShortenedText

GAP = 2  # cells between two columns
MIN_NAME_CELLS = 16  # as long as that is possible by leaving columns out


@dataclass(frozen=True, slots=True)
class Column:
    """A column of numbers. Those of the highest `rank` are left out first; those of rank 0 never are."""

    title: str
    rank: int


def fitting_table(title: str, columns: Sequence[Column], rows: Sequence[Sequence[str]], cells: int) -> Table:
    """Return a table of at most so many cells. `title`: of the names, which are the first in each row."""
    widths = [
        max(cell_len(text) for text in (column.title, *(row[number] for row in rows)))
        for number, column in enumerate(columns, 1)
    ]
    longest_name = max(cell_len(row[0]) for row in rows)
    room = cells - max(cell_len(title), min(longest_name, MIN_NAME_CELLS))
    kept = sorted(range(len(columns)), key=lambda number: columns[number].rank)
    while sum(widths[number] + GAP for number in kept) > room and columns[kept[-1]].rank:
        kept.pop()
    table = Table(box=None, padding=(0, GAP, 0, 0), pad_edge=False, header_style="dim")
    table.add_column(title)
    for number in sorted(kept):
        table.add_column(columns[number].title, justify="right", no_wrap=True)
    for row in rows:
        table.add_row(ShortenedText(row[0]), *(row[number + 1] for number in sorted(kept)))
    return table
