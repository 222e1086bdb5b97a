"""Every path and every identifier that documents, comments and docstrings name exists."""

import ast
import io
import itertools
import re
import subprocess
import tokenize
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.documents import DOCUMENTS
from tests.service import ROOT
from tests.tools import program_path

PRODUCT = ("simulcast/", "app/", "workers/")
FOLDERS = r"(?:simulcast|app|workers|clients|tests|benchmarks|docs|deploy|examples)"
PATH = re.compile(rf"(?<![\w/.-]){FOLDERS}(?:/[\w.-]*\w)*/?(?:::\w+)*(?![\w…*])")
FILE = re.compile(r"(?<![\w/.-])(?:[\w-]+/)*[\w-]+\.(?:py|lua)\b(?!\()")
DOTTED = re.compile(r"(?<![\w/.])(?:simulcast|app|workers|tests|benchmarks)(?:\.\w+)+(?::\w+)?")
MEMBER = re.compile(r"(?<![\w.])[A-Z]\w+\.[a-z_]\w*")
COMMENTS = {
    (".js", ".mjs", ".ts", ".dart"): re.compile(r"(?:^|\s)//[^\n]*|/\*.*?\*/", re.DOTALL),
    (".lua",): re.compile(r"--.*"),
    (".toml", ".yml", ".sh", ".conf"): re.compile(r"#.*"),
}
GENERATED = {"benchmarks/build"}
OF_READERS = {
    "daemon_main.py",
    "lib/backend/daemon/daemon_main.py",
    "conftest.py",
    "tasks.py",
}  # files of applications that use the library
SUBPROTOCOLS = {"simulcast.v1", "simulcast.v1.joined", "simulcast.flat"}
UNITS = {"simulcast.socket"}  # of systemd
# In docs/architecture.md: values on the wire, which are no identifiers.
WORDS = {"PUBLISH", "accepted", "rejected"}
PAGES = [path for path in DOCUMENTS if path.name != "CHANGELOG.md"]  # which names files of its time


@cache
def tracked() -> frozenset[str]:
    """Return the paths of all files of the repository."""
    command = [program_path("git", "git"), "ls-files", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    return frozenset(path for path in listed.stdout.splitlines() if (ROOT / path).exists())


@cache
def definitions(path: str) -> frozenset[str]:
    """Return the names that a file defines: functions, classes, constants, and `Class.member`."""
    text = (ROOT / path).read_text(encoding="utf-8")
    if path.endswith(".lua"):
        return frozenset(re.findall(r"(?:local function |name = ')(\w+)", text))
    names: set[str] = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            names.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
        elif isinstance(node, ast.alias):
            names.add(node.asname or node.name)
        elif isinstance(node, ast.ClassDef):
            names |= {node.name, *(f"{node.name}.{member}" for member in members(node))}
    return frozenset(names)


def members(node: ast.ClassDef) -> Iterator[str]:
    for inner in ast.walk(node):
        match inner:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.Name(id=name, ctx=ast.Store()):
                yield name
            case ast.Attribute(value=ast.Name(id="self"), attr=name, ctx=ast.Store()):
                yield name


@cache
def product_definitions() -> frozenset[str]:
    """Return the names that the library, the programs and the clients for JavaScript and Dart define."""
    files = [path for path in tracked() if path.startswith(PRODUCT) and path.endswith((".py", ".lua"))]
    names = frozenset[str]().union(*map(definitions, files))
    clients = ["simulcast/gateway/gateway.d.ts", *(path for path in tracked() if path.endswith(".dart"))]
    text = "\n".join((ROOT / path).read_text(encoding="utf-8") for path in clients)
    others = re.findall(r"(?<=  )(?:static (?:\S+ get |\S+ )?|readonly |get )?(\w+)(?=[(:;? ])", text)
    return names | {f"{kind}.{name}" for kind in ("Config", "Gateway") for name in others}


@cache
def loggers() -> frozenset[str]:
    """Return the names of all loggers of the product."""
    texts = (
        (ROOT / path).read_text(encoding="utf-8")
        for path in tracked()
        if path.startswith(PRODUCT) and path.endswith(".py")
    )
    return frozenset(name for text in texts for name in re.findall(r'getLogger\("([\w.]+)"\)', text))


def missing_path(named: str) -> bool:
    path, *names = named.split("::")
    folder = path.rstrip("/")
    if path not in tracked():
        return bool(names) or not any(known.startswith(f"{folder}/") for known in tracked())
    return any(name not in definitions(path) for name in names)


def missing_module(named: str) -> bool:
    parts = named.replace(":", ".").split(".")
    for length in range(len(parts), 0, -1):
        place, attributes = "/".join(parts[:length]), parts[length:]
        files = [file for file in (f"{place}.py", f"{place}/__init__.py") if file in tracked()]
        if files:
            return bool(attributes) and not definitions(files[0]) & {attributes[0], ".".join(attributes)}
    return True


def missing_in(text: str) -> list[str]:
    """Return the names in a text that do not exist."""
    missing = [named for named in PATH.findall(text) if "/" in named and named not in GENERATED and missing_path(named)]
    names = (name for name in FILE.findall(text) if name not in OF_READERS)
    files = [name for name in names if not any(f"/{path}".endswith(f"/{name}") for path in tracked())]
    dotted = set(DOTTED.findall(text)) - SUBPROTOCOLS - UNITS - loggers()
    return missing + files + [named for named in dotted if missing_module(named)]


def spans(document: Path) -> str:
    """Return the code in the sentences of a document, a line for each span."""
    text = re.sub(r"^ *```.*?^ *```", "", document.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    return "\n".join(re.findall(r"`([^`]+)`", text))


def remarks(path: str) -> Iterator[str]:
    """Yield the comments of a file, and the docstrings of one in Python."""
    text = (ROOT / path).read_text(encoding="utf-8")
    for suffixes, pattern in COMMENTS.items():
        if path.endswith(suffixes):
            yield from pattern.findall(text)
    if not path.endswith(".py"):
        return
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            yield token.string
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield ast.get_docstring(node) or ""


@pytest.mark.parametrize("document", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_names_in_a_document_exist(document: Path) -> None:
    text = spans(document)
    assert missing_in(text) == []
    assert set(MEMBER.findall(text)) - product_definitions() - {Path(path).name for path in tracked()} == set()


def test_the_architecture_names_identifiers_that_the_product_defines() -> None:
    named = {name for name in spans(ROOT / "docs/architecture.md").splitlines() if re.fullmatch(r"[A-Za-z_]\w*", name)}
    assert len(named) > 10
    assert named - product_definitions() - WORDS == set()


def test_names_in_comments_and_docstrings_exist() -> None:
    missing = {
        f"{path}: {name}"
        for path in tracked()
        if path.endswith((".py", *itertools.chain(*COMMENTS)))
        for remark in remarks(path)
        for name in missing_in(remark)
    }
    assert missing == set()


@pytest.mark.parametrize(
    "named",
    [
        "simulcast/nowhere.py",
        "tests/docs/test_names.py::test_nothing",
        "nowhere/",
        "lua/nowhere.lua",
        "simulcast.nowhere",
        "simulcast.broker.Nowhere",
        "app.main:nowhere",
    ],
)
def test_a_missing_name_is_found(named: str) -> None:
    assert missing_in(named if named != "nowhere/" else "app/nowhere/")


def test_an_existing_name_is_not_found() -> None:
    known = "simulcast/broker.py tests/docs/test_names.py::test_an_existing_name_is_not_found app/ lua/publish.lua"
    assert missing_in(f"{known} simulcast.broker.Broker.publish app.main:app simulcast.gateway simulcast.v1") == []
