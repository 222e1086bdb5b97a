"""What the documents say is so."""

import ast
import re
import subprocess
from pathlib import Path

import pytest

from benchmarks.faults.rows import ROWS

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])


def blocks(document: str, language: str) -> list[str]:
    text = (ROOT / document).read_text(encoding="utf-8")
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def defined_in(path: Path) -> set[str]:
    """Names of functions, classes and methods (`Class.method` too); of functions, where it is Lua."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".lua":
        return set(re.findall(r"local function (\w+)", text))
    names = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ClassDef):
            names.add(node.name)
            names |= {f"{node.name}.{each.name}" for each in node.body if hasattr(each, "name")}
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            names.add(node.name)
    return names


def test_every_file_that_the_architecture_names_exists_and_defines_what_is_named() -> None:
    text = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
    files = [ROOT / name for name in re.findall(r"`([\w/]+\.(?:py|lua))`", text)]
    assert len(files) > 20
    missing = [str(path.relative_to(ROOT)) for path in files if not path.is_file()]
    assert missing == []
    defined = set().union(*(defined_in(path) for path in files))
    walk = text[text.index("## One event's way") :]
    named = {name for name in re.findall(r"`([A-Za-z_][\w.]*)`", walk) if not name.endswith((".py", ".lua"))}
    words = {"accepted", "rejected"}
    assert named - defined - words == set()


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


@pytest.mark.parametrize(("document", "least"), [("docs/guarantees.md", 15), ("docs/threats.md", 25)])
def test_every_test_that_a_promise_names_exists(document: str, least: int) -> None:
    named = re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", (ROOT / document).read_text(encoding="utf-8"))
    assert len(named) > least
    missing = [(path, name) for path, name in named if name not in {"", *defined_in(ROOT / path)}]
    assert missing == []


def test_every_threat_that_is_stopped_names_its_test() -> None:
    rows = re.findall(r"^\| (?!attempt)(.*) \|$", (ROOT / "docs/threats.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert rows
    assert [row for row in rows if not re.search(r"\| `tests/[\w/]+\.py::\w+`$", row)] == []


def test_every_decision_ends_with_what_would_change_our_mind() -> None:
    decisions = [path for path in (ROOT / "docs/decisions").glob("*.md") if path.name != "README.md"]
    assert decisions
    for path in decisions:
        last = path.read_text(encoding="utf-8").rsplit("\n## ", 1)[-1]
        assert last.startswith("What would change our mind"), path.name


def test_no_file_has_more_than_300_lines() -> None:
    listed = subprocess.run(
        ["git", "ls-files", "*.py", "*.js", "*.lua", "*.c", "*.go"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    paths = [ROOT / name for name in listed.stdout.splitlines()]
    long = [path.name for path in paths if path.exists() and len(path.read_text(encoding="utf-8").splitlines()) > 300]
    assert long == []
