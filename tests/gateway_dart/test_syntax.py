"""Every file and every block in Dart is Dart, and the package is complete."""

import re
from pathlib import Path

import pytest
import yaml

from tests.documents import DOCUMENTS, blocks
from tests.gateway_dart.dart import FILES, PACKAGE, errors, parse, read, relative, text
from tests.service import ROOT

BLOCKS = [(str(path.relative_to(ROOT)), block) for path in DOCUMENTS for block in blocks(str(path), "dart")]
GUIDE = """onWebSocketMessage onWebSocketStatusChange init connectWebSocket disconnectWebSocket sendWebSocketMessage
isWebSocketConnected isServerRunning"""
IMPORT = re.compile(r"^(?:import|export|part) '([^']+)'(?: if \(dart\.library\.\w+\) '([^']+)')?", re.MULTILINE)


@pytest.mark.parametrize("path", FILES, ids=relative)
def test_each_file_is_dart(path: Path) -> None:
    assert errors(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(("document", "block"), BLOCKS, ids=lambda value: value if value.endswith(".md") else "")
def test_each_block_is_dart(document: str, block: str) -> None:
    assert errors(block) == []


@pytest.mark.parametrize(
    "source",
    ["void main() { print('a' }", "class A { int get x => ; }", "final class { }", "var x = switch (y) { 1 => };"],
)
def test_a_mistake_is_found(source: str) -> None:
    assert errors(source) != []


def test_there_is_a_package_and_its_documents_have_blocks() -> None:
    assert len(FILES) > 15
    assert {document for document, _ in BLOCKS} >= {"clients/dart/README.md", "docs/flutter.md"}


@pytest.mark.parametrize("path", FILES, ids=relative)
def test_each_import_leads_to_a_file_or_to_a_library_without_a_dependency(path: Path) -> None:
    names = [name for pair in IMPORT.findall(path.read_text(encoding="utf-8")) for name in pair if name]
    own = [name for name in names if ":" not in name]
    assert [name for name in own if not (path.parent / name).is_file()] == []
    known = re.compile(r"dart:\w+|package:simulcast_gateway/simulcast_gateway\.dart")
    others = [name for name in names if ":" in name and not known.fullmatch(name)]
    assert others == [] or (path.parent.name == "test" and set(others) == {"package:test/test.dart"})


def test_only_the_files_of_a_platform_import_its_library() -> None:
    for path in (PACKAGE / "lib").rglob("*.dart"):
        source = path.read_text(encoding="utf-8")
        assert ("'dart:io'" in source) == (path.name == "socket_io.dart")
        assert ("'dart:js_interop'" in source) == (path.name == "socket_web.dart")


def test_both_platforms_have_the_same_functions() -> None:
    signatures = [
        {text(node) for node in parse(read(name)).children if node.type == "function_signature"}
        for name in ("socket_io.dart", "socket_web.dart")
    ]
    public = [{one for one in each if not re.search(r"\b_\w+\(", one)} for each in signatures]
    assert public[0] == public[1]
    assert len(public[0]) == 2


def test_the_static_class_has_every_name_of_the_guide() -> None:
    source = read("gateway.dart")
    for name in GUIDE.split():
        assert re.search(rf"^  static .*\b{name}( =>|\()", source, re.MULTILINE), name
    assert "static Future<bool> get isServerRunning" in source
    assert "static String serverHost = 'localhost';" in read("config.dart")
    assert "static int serverPort = 8080;" in read("config.dart")


def test_the_package_names_itself_and_its_blocks_name_it() -> None:
    pubspec = yaml.safe_load((PACKAGE / "pubspec.yaml").read_text(encoding="utf-8"))
    assert pubspec["name"] == "simulcast_gateway"
    assert "dependencies" not in pubspec
    (dependency,) = blocks("clients/dart/README.md", "yaml")
    assert yaml.safe_load(dependency)["dependencies"].keys() == {pubspec["name"]}
