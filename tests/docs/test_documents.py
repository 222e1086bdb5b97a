"""Links, tables and lists of the documents, compared with the files that they describe."""

import re
import subprocess
from pathlib import Path

import pytest

from benchmarks.faults.rows import ROWS
from tests.documents import DOCUMENTS, blocks
from tests.service import ROOT
from tests.tools import program_path


def test_the_readmes_examples_are_the_files_that_tests_run() -> None:
    client, publisher = blocks("README.md", "python")
    assert client == (ROOT / "examples/watch.py").read_text(encoding="utf-8")
    assert publisher == (ROOT / "examples/publish.py").read_text(encoding="utf-8")


def test_the_readmes_two_commands_are_targets_of_the_makefile() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for command in blocks("README.md", "sh"):
        assert re.search(rf"^{command.strip().removeprefix('make ')}:", makefile, re.MULTILINE), command


def test_the_guarantees_name_every_fault_that_is_played() -> None:
    text = (ROOT / "docs/guarantees.md").read_text(encoding="utf-8")
    faults = text[text.index("## One fault at a time") : text.index("## Where the promise ends")]
    named = re.findall(r"`([a-z0-9-]+)`", faults)
    assert sorted(named) == sorted(row.name for row in ROWS)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_between_documents_lead_somewhere(document: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", document.read_text(encoding="utf-8")):
        if not target.startswith(("http://", "https://")):
            assert (document.parent / target).exists(), target


def test_every_promise_names_its_test() -> None:
    text = (ROOT / "docs/guarantees.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (?!promise|fault|\|)(.*) \|$", text, re.MULTILINE)
    assert len(rows) > 25
    assert [row for row in rows if not re.search(r"\| `tests/[\w/]+\.py(?:::\w+)?`(?:, `[^`]+`)*$", row)] == []


def test_every_threat_that_is_stopped_names_its_test() -> None:
    rows = re.findall(r"^\| (?!attempt)(.*) \|$", (ROOT / "docs/threats.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert rows
    assert [row for row in rows if not re.search(r"\| `tests/[\w/]+\.py::\w+`$", row)] == []


def test_every_bound_in_sum_names_its_test() -> None:
    text = (ROOT / "docs/limits.md").read_text(encoding="utf-8")
    memory = text[text.index("### Memory") : text.index("### Descriptors")]
    rows = re.findall(r"^\| (?!resource)(.*) \|$", memory, re.MULTILINE)
    assert len(rows) > 10
    assert [row for row in rows if not re.search(r"\| `tests/[\w/]+\.py::\w+`$", row)] == []


def test_every_decision_ends_with_what_would_change_our_mind() -> None:
    decisions = [path for path in (ROOT / "docs/decisions").glob("*.md") if path.name != "README.md"]
    assert decisions
    for path in decisions:
        last = path.read_text(encoding="utf-8").rsplit("\n## ", 1)[-1]
        assert last.startswith("What would change our mind"), path.name


def test_no_file_has_more_than_300_lines() -> None:
    listed = subprocess.run(
        [program_path("git", "git"), "ls-files", "*.py", "*.js", "*.dart", "*.lua", "*.c", "*.go"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    paths = [ROOT / name for name in listed.stdout.splitlines()]
    long = [path.name for path in paths if path.exists() and len(path.read_text(encoding="utf-8").splitlines()) > 300]
    assert long == []
