"""Tests stand where their modules stand, and a helper that several of them need stands once, in tests/ itself."""

import ast
from collections.abc import Iterator
from pathlib import Path

from tests.service import ROOT

TESTS = ROOT / "tests"
MODULES = sorted(path for path in TESTS.rglob("*.py") if path.name != "__init__.py")
SHARED = [path for path in MODULES if path.parent == TESTS and path.name != "conftest.py"]


def imported_modules(path: Path) -> Iterator[Path]:
    """Yield the modules of tests/ that a module imports."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        yield from (ROOT / f"{name.replace('.', '/')}.py" for name in names if name.startswith("tests."))


def definitions(path: Path) -> set[str]:
    """Return the names of functions and classes that a module defines at its top, test functions and fixtures aside."""
    nodes = [
        node
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        and not any("fixture" in ast.unparse(decorator) for decorator in node.decorator_list)
    ]
    return {node.name for node in nodes if not node.name.startswith(("_", "test_", "Test"))}


def test_no_folder_imports_the_modules_of_another_one() -> None:
    foreign = [
        f"{path.relative_to(ROOT)} imports {module.relative_to(ROOT)}"
        for path in MODULES
        for module in imported_modules(path)
        if module.parent not in path.parents
    ]
    assert foreign == []


def test_no_module_imports_from_a_test_module() -> None:
    imports = [(path.name, module.name) for path in MODULES for module in imported_modules(path)]
    assert [names for names in imports if names[1].startswith("test_")] == []


def test_no_helper_that_is_shared_is_written_again() -> None:
    shared = [name for path in SHARED for name in definitions(path)]
    assert len(shared) > 40
    assert sorted({name for name in shared if shared.count(name) > 1}) == []
    others = {path: definitions(path) & set(shared) for path in MODULES if path not in SHARED}
    assert {str(path.relative_to(ROOT)): names for path, names in others.items() if names} == {}


def test_folders_of_tests_mirror_the_rooms() -> None:
    tests = [path for package in ("simulcast", "app", "workers") for path in (TESTS / package).rglob("test_*.py")]
    assert len(tests) > 90
    rooms = {path.parent.relative_to(TESTS) for path in tests}
    assert [str(room) for room in rooms if not (ROOT / room / "__init__.py").is_file()] == []
