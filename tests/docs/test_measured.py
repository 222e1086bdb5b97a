"""Numbers in docs/ are those of benchmarks/results/latest.json; `python -m tests.docs.test_measured` writes them."""

import json
import re
from collections.abc import Callable

import pytest

from benchmarks.report import COLUMNS, Summary, summary
from benchmarks.scenarios import Row, scenarios
from benchmarks.servers import PEERS
from tests.docs.test_documents import ROOT

ROWS = json.loads((ROOT / "benchmarks/results/latest.json").read_text(encoding="utf-8"))["rows"]
TITLES = {scenario.name: scenario.title for scenario in scenarios(quick=False)}
MEASURES = {scenario.name: scenario.measure for scenario in scenarios(quick=False)}


def found(scenario: str, peer: str) -> Summary | None:
    """None where it wasn't measured."""
    rows = [Row(**row) for row in ROWS.get(scenario, {}).get(peer, [])]
    return summary(rows, MEASURES[scenario]) if rows else None


def cell(scenario: str, peer: str, measure: str) -> str:
    numbers = found(scenario, peer)
    if numbers is None:
        return "–"
    _, divisor, form = COLUMNS[measure]
    return "void" if numbers.void else form.format(numbers.numbers[measure] / divisor)


def sizing() -> str:
    """What one front-end did."""
    shown = [(name, TITLES[name]) for name in ("sustained", "sustained-8000", "moderate", "channels")]
    measures = ("p50_ms", "p99_ms", "cpu_s")
    lines = [f"| | {' | '.join(COLUMNS[name][0] for name in measures)} |", "|---|---:|---:|---:|"]
    for name, title in shown:
        lines.append(f"| {title} | {' | '.join(cell(name, 'simulcast', measure) for measure in measures)} |")
    idle, storm = cell("idle", "simulcast", "per_client_bytes"), cell("storm", "simulcast", "seconds")
    empty, joining = cell("idle", "simulcast", "empty_bytes"), cell("handshakes", "simulcast", "per_second")
    lines += [
        "",
        f"An idle client takes {idle} KB beside the {empty} MB of an empty process; {joining} clients",
    ]
    lines += [f"a second can connect; {TITLES['storm']}, are served in {storm} s."]
    return "\n".join(lines)


def peers() -> str:
    """Ours and the others."""
    shown = (
        ("burst", "deliveries_s"),
        ("sustained", "p99_ms"),
        ("moderate", "cpu_s"),
        ("storm", "seconds"),
        ("idle", "per_client_bytes"),
        ("handshakes", "per_second"),
    )
    lines = [f"| | {' | '.join(f'{TITLES[name]}: {COLUMNS[measure][0]}' for name, measure in shown)} |"]
    lines.append("|---|" + "---:|" * len(shown))
    for peer in PEERS:
        cells = [cell(name, peer.name, measure) for name, measure in shown]
        if set(cells) - {"–", "void"}:
            lines.append(f"| {peer.title} | {' | '.join(cells)} |")
    return "\n".join(lines)


BLOCKS: dict[str, tuple[str, Callable[[], str]]] = {
    "docs/operations.md": ("sizing", sizing),
    "docs/comparison.md": ("peers", peers),
}


def with_numbers(document: str) -> str:
    """The document, with what was measured between its marks."""
    name, made = BLOCKS[document]
    text = (ROOT / document).read_text(encoding="utf-8")
    marks = rf"(<!-- measured: {name} -->\n).*?(<!-- end -->)"
    assert re.search(marks, text, re.DOTALL), f"{document} has no marks for {name}"
    return re.sub(marks, lambda marked: f"{marked[1]}\n{made()}\n\n{marked[2]}", text, flags=re.DOTALL)


@pytest.mark.parametrize("document", BLOCKS)
def test_numbers_are_those_that_were_measured_last(document: str) -> None:
    shown = (ROOT / document).read_text(encoding="utf-8")
    assert shown == with_numbers(document), "python -m tests.docs.test_measured writes them anew"


if __name__ == "__main__":
    for each in BLOCKS:
        (ROOT / each).write_text(with_numbers(each), encoding="utf-8")
