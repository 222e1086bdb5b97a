"""The syntax trees of Dart, which nothing here can run."""

from collections.abc import Iterator
from pathlib import Path

import tree_sitter_dart
from tree_sitter import Language, Node, Parser

from tests.service import ROOT

PACKAGE = ROOT / "clients/dart"
FILES = sorted(PACKAGE.rglob("*.dart"))
_PARSER = Parser(Language(tree_sitter_dart.language()))


def parse(source: str) -> Node:
    return _PARSER.parse(source.encode()).root_node


def errors(source: str) -> list[str]:
    """Return each place that is no Dart: its line, and how it begins."""
    return [f"{node.start_point.row + 1}: {text(node)[:80]}" for node in walk(parse(source)) if is_error(node)]


def is_error(node: Node) -> bool:
    return node.is_error or node.is_missing


def walk(node: Node) -> Iterator[Node]:
    yield node
    for child in node.children:
        yield from walk(child)


def text(node: Node) -> str:
    return (node.text or b"").decode()


def read(path: str) -> str:
    """Return a file of the package's `lib/src`."""
    return (PACKAGE / "lib/src" / path).read_text(encoding="utf-8")


def relative(path: Path) -> str:
    return str(path.relative_to(PACKAGE))
