"""The page of results of a benchmark that stands alone."""

import sys
from collections.abc import Sequence
from pathlib import Path


def write_page(
    output: Path, title: str, program: str, introduction: str, notes: Sequence[str], body: Sequence[str]
) -> None:
    """Write the page, and print it. `program`: as it was started; `introduction`: goes on behind the command."""
    lines = [
        f"# {title}",
        "",
        f"Made by `{' '.join([program, *sys.argv[1:]])}`{introduction}",
        "",
        *(f"- {note}" for note in notes),
        "",
        *body,
    ]
    text = "\n".join(lines) + "\n"
    output.write_text(text, encoding="utf-8")
    print(text)
