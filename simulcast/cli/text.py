"""Texts that fit into the width of a terminal, in which a character takes no, one or two cells."""

from collections.abc import Iterable

from rich.cells import cell_len, split_graphemes
from rich.console import Console, ConsoleOptions, RenderResult
from rich.measure import Measurement
from rich.text import Text

MIN_CELLS = 8


def shorten(text: str, cells: int) -> str:
    """Return the text in at most so many cells: names differ at their ends, so the middle is replaced by …."""
    if cell_len(text) <= cells:
        return text
    spans, _ = split_graphemes(text)
    tail = _fitting(reversed(spans), (cells - 1) // 2)
    head = _fitting(spans, cells - 1 - sum(span[2] for span in tail))
    return text[: head[-1][1] if head else 0] + "…"[: max(cells, 0)] + text[tail[-1][0] if tail else len(text) :]


def _fitting(spans: Iterable[tuple[int, int, int]], cells: int) -> list[tuple[int, int, int]]:
    """Return the first spans (start, end, cells) that fit."""
    fitting = []
    for span in spans:
        cells -= span[2]
        if cells < 0:
            break
        fitting.append(span)
    return fitting


class ShortenedText:
    """A text for a column of a table, which may be made as narrow as MIN_CELLS."""

    def __init__(self, text: str, style: str = "") -> None:
        self._text = text
        self._style = style

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        cells = cell_len(self._text)
        return Measurement(min(cells, MIN_CELLS), min(cells, options.max_width))

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield Text(shorten(self._text, options.max_width), style=self._style, no_wrap=True, end="")
