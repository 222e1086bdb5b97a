"""Numbers in docs/ are those of benchmarks/results/latest.md; `python -m tests.docs.test_measured` writes them."""

import re
from collections.abc import Callable

import pytest

from tests.service import ROOT

OURS = "**Simulcast**"


def tables() -> dict[str, dict[str, dict[str, str]]]:
    """Return cells by title of the scenario, by peer, by column."""
    text = (ROOT / "benchmarks/results/latest.md").read_text(encoding="utf-8")
    scenarios: dict[str, dict[str, dict[str, str]]] = {}
    for section in text.split("\n### ")[1:]:
        title, _, body = section.partition("\n")
        lines = [line for line in body.split("\n") if "|" in line]
        heading, _, *rows = ([cell.strip() for cell in line.split("|")[1:-1]] for line in lines)
        scenarios[title] = {row[0]: dict(zip(heading[1:], row[1:], strict=True)) for row in rows}
    return scenarios


TABLES = tables()


def scenario(words: str) -> str:
    """Return the title that begins with these words."""
    (title,) = (title for title in TABLES if title.startswith(words))
    return title


def cell(words: str, peer: str, column: str) -> str:
    """Return a cell, or a dash where the peer was not measured."""
    row = TABLES[scenario(words)].get(peer, {})
    return "void" if any(value.startswith("void") for value in row.values()) else row.get(column, "–")


def sizing() -> str:
    """Return the numbers of one front-end."""
    columns = ("p50 ms", "p99 ms")
    lines = [f"| | {' | '.join(columns)} |", "|---|---:|---:|"]
    for words in ("500 events/s to 2,000", "100 events/s to 8,000", "50 events/s to 2,000", "1,000 channels"):
        lines.append(f"| {scenario(words)} | {' | '.join(cell(words, OURS, column) for column in columns)} |")
    busy, moderate = cell("50 events/s", OURS, "CPU s"), scenario("50 events/s")
    idle, empty = cell("10,000 clients", OURS, "KB a client"), cell("10,000 clients", OURS, "MB empty")
    joining = cell("5,000 clients, 64", OURS, "handshakes/s")
    storm, back = scenario("5,000 clients back"), cell("5,000 clients back", OURS, "s")
    lines += ["", f"{moderate} took {busy} s of processor. An idle client takes {idle} KB beside the {empty} MB of an"]
    lines += [f"empty process; {joining} clients a second can connect; {storm}, are served in {back} s."]
    return "\n".join(lines)


def peers() -> str:
    """Return the table of Simulcast and its peers."""
    shown = (
        ("1,000 events at once", "deliveries/s"),
        ("500 events/s to 2,000", "p99 ms"),
        ("50 events/s to 2,000", "CPU s"),
        ("5,000 clients back", "s"),
        ("10,000 clients", "KB a client"),
        ("5,000 clients, 64", "handshakes/s"),
    )
    lines = [f"| | {' | '.join(f'{scenario(words)}: {column}' for words, column in shown)} |"]
    lines.append("|---|" + "---:|" * len(shown))
    for peer in TABLES[scenario("1,000 events at once")]:
        lines.append(f"| {peer} | {' | '.join(cell(words, peer, column) for words, column in shown)} |")
    return "\n".join(lines)


def scale() -> str:
    """Return the measurements of front-ends side by side."""
    text = (ROOT / "benchmarks/results/scale.md").read_text(encoding="utf-8")
    _, _, after = text.partition("\n- ")
    return f"- {after}".rstrip("\n")


def jobs() -> str:
    """Return what leases and reports cost."""
    text = (ROOT / "benchmarks/results/jobs.md").read_text(encoding="utf-8")
    _, _, after = text.partition("\n- ")
    return f"- {after}".rstrip("\n")


BLOCKS: dict[str, tuple[str, Callable[[], str]]] = {
    "docs/operations.md": ("sizing", sizing),
    "docs/comparison.md": ("peers", peers),
    "docs/scale.md": ("scale", scale),
    "docs/jobs.md": ("jobs", jobs),
}


def with_numbers(document: str) -> str:
    """Return the document with the measurements between its marks."""
    name, made = BLOCKS[document]
    text = (ROOT / document).read_text(encoding="utf-8")
    marks = rf"(<!-- measured: {name} -->\n).*?(<!-- end -->)"
    assert re.search(marks, text, re.DOTALL), f"{document} has no marks for {name}"
    return re.sub(marks, lambda marked: f"{marked[1]}\n{made()}\n\n{marked[2]}", text, flags=re.DOTALL)


@pytest.mark.parametrize("document", BLOCKS)
def test_numbers_are_those_that_were_measured_last(document: str) -> None:
    shown = (ROOT / document).read_text(encoding="utf-8")
    assert shown == with_numbers(document), "python -m tests.docs.test_measured writes them"


if __name__ == "__main__":
    for document in BLOCKS:
        (ROOT / document).write_text(with_numbers(document), encoding="utf-8")
