"""What `simulcast doctor` found, one line each: fine, to be looked at, or wrong; with what to change."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from simulcast.cli.watch.download_table import clean


class Severity(Enum):
    FINE = "✓"
    LOOK = "!"
    WRONG = "✗"


_STYLES = {Severity.FINE: "green", Severity.LOOK: "yellow", Severity.WRONG: "red"}


@dataclass(frozen=True, slots=True)
class Finding:
    """`what` was looked at, what was `found`, and the `remedy`, "" where nothing is to be done."""

    level: Severity
    what: str
    found: str
    remedy: str = ""


def fine(what: str, found: str) -> Finding:
    return Finding(Severity.FINE, what, found)


def look(what: str, found: str, remedy: str) -> Finding:
    return Finding(Severity.LOOK, what, found, remedy)


def wrong(what: str, found: str, remedy: str) -> Finding:
    return Finding(Severity.WRONG, what, found, remedy)


def render(findings: Iterable[Finding]) -> RenderableType:
    """A table; what to change stands beneath what was found."""
    table = Table(box=None, show_header=False, padding=(0, 1, 0, 0))
    table.add_column()
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for each in findings:
        text = Text(clean(each.found))
        if each.remedy:
            text.append(f"\n→ {clean(each.remedy)}", style=_STYLES[each.level])
        table.add_row(Text(each.level.value, style=f"bold {_STYLES[each.level]}"), each.what, text)
    return table
