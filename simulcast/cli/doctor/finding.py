"""A finding of `simulcast doctor`: its subject, the result, and the remedy."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from simulcast.cli.watch.job_table import clean


class Severity(Enum):
    OK = "✓"
    WARNING = "!"
    ERROR = "✗"


OK, WARNING, ERROR = Severity
_STYLES = {OK: "green", WARNING: "yellow", ERROR: "red"}


@dataclass(frozen=True, slots=True)
class Finding:
    """The `result` of a check of `subject`. `remedy`: "" if nothing is to be done, or the result names it."""

    severity: Severity
    subject: str
    result: str
    remedy: str = ""

    def as_json(self) -> dict[str, str]:
        """Return the members of the finding's JSON. `severity`: ok, warning or error."""
        severity = self.severity.name.lower()
        return {"severity": severity, "subject": self.subject, "result": self.result, "remedy": self.remedy}


def render(findings: Iterable[Finding]) -> RenderableType:
    """Return a table with each remedy below its result."""
    table = Table(box=None, show_header=False, padding=(0, 1, 0, 0))
    table.add_column()
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for finding in findings:
        style = _STYLES[finding.severity]
        text = Text(clean(finding.result))
        if finding.remedy:
            text.append(f"\n→ {clean(finding.remedy)}", style=style)
        table.add_row(Text(finding.severity.value, style=f"bold {style}"), finding.subject, text)
    return table
