"""The parts of the client in Dart that can be compared: patterns, events, codes, commands, with those of Python."""

import re
from dataclasses import fields
from functools import cache
from inspect import signature
from typing import get_type_hints

import pytest

from simulcast.gateway import events, reconnect_policy
from simulcast.gateway.commands import MAX_COMMAND_CHARS, MAX_REQUEST_CHARS, REQUEST_ACTIONS, CommandMethods
from simulcast.gateway.downloads import AddedDownload
from simulcast.gateway.requests import RequestMethods
from simulcast.gateway.resume_position import MAX_EPOCHS
from tests.contract_examples import FROM_CLIENT, FROM_SERVER, parse_members
from tests.gateway_dart.dart import parse, read, text, walk

PATTERNS = {
    name: re.compile(pattern, re.ASCII)
    for name, pattern in re.findall(r"static final (\w+) =\s+RegExp\(r'(.*)'\);", read("resume_position.dart"))
}
TYPES = {"String": str, "int": int, "num": float}
FILES_OF_EVENTS = ("events.dart", "download_events.dart", "job_events.dart")


@pytest.mark.parametrize("name", FROM_SERVER)
def test_its_patterns_find_the_position_in_each_message(name: str) -> None:
    message, members = FROM_SERVER[name].decode(), parse_members(FROM_SERVER[name])
    is_mark = members["type"] in ("hello", "position")
    assert (PATTERNS["_mark"].match(message) is not None) == is_mark
    match = PATTERNS["_position" if is_mark else "_event"].match(message)
    wanted = members.get("position") if members["type"] == "position" else members.get("event_id")
    assert (match and f"{match[1]}-{match[2]}") == wanted
    assert match is None or match[3] == members.get("channel")


def _camel(name: str) -> str:
    return re.sub(r"_(\w)", lambda match: match[1].upper(), name)


@cache
def classes() -> dict[str, tuple[str, dict[str, tuple[type, bool]]]]:
    """Return the classes of events: each with its parent, and the type of each member, and whether it is required."""
    found = {}
    for node in (node for name in FILES_OF_EVENTS for node in walk(parse(read(name)))):
        if node.type == "class_definition":
            source = text(node)
            head = re.search(r"class (\w+)(?: extends (\w+))?", source)
            assert head is not None
            members = re.findall(r"(\w+) = raw\.(need|maybe)<(\w+)>\('(\w+)'\)", source)
            for field, how, kind, name in members:
                declared = f"final {kind.replace('num', 'double')}{'?' if how == 'maybe' else ''} {field};"
                assert field == _camel(name) and declared in source, f"{head[1]}.{field}"
            found[head[1]] = (head[2], {name: (TYPES[kind], how == "need") for _, how, kind, name in members})
    return found


def members_of(name: str) -> dict[str, tuple[type, bool]]:
    parent, members = classes()[name]
    return (members_of(parent) if parent else {}) | members


@pytest.mark.parametrize("kind", events._KINDS.values(), ids=lambda kind: kind.__name__)
def test_each_event_has_the_members_and_the_parents_of_the_one_in_python(kind: type[events.Event]) -> None:
    assert members_of(kind.__name__) == events._members(kind)
    parents = ["GatewayEvent" if parent is events.Event else parent.__name__ for parent in kind.__mro__[1:-1]]
    name, found = kind.__name__, list[str]()
    while parent := classes()[name][0]:
        found.append(name := parent)
    assert found == parents


def test_each_type_makes_its_class() -> None:
    made = dict(re.findall(r"'(\w+)' => (\w+)\._\(members\)", read("events.dart")))
    assert made == {name: kind.__name__ for name, kind in events._KINDS.items()}


def test_close_codes_and_bounds_are_those_of_python() -> None:
    source = read("reconnect_policy.dart")
    codes = re.search(r"terminalCloseCodes = \{([\d, ]+)\}", source)
    assert codes is not None
    assert {int(code) for code in codes[1].split(", ")} == set(reconnect_policy.TERMINAL_CLOSE_CODES)
    assert f"tokenExpired = {reconnect_policy.TOKEN_EXPIRED};" in source
    assert f"maxEpochs = {MAX_EPOCHS};" in read("resume_position.dart")


def test_each_command_of_python_is_a_method_that_sends_its_action() -> None:
    source = read("command_methods.dart") + read("request_methods.dart")
    methods = {name for each in (CommandMethods, RequestMethods) for name in vars(each) if not name.startswith("_")}
    assert len(methods) > 15
    for name in methods:
        assert re.search(rf"^  Future<\w+> {_camel(name)}\(", source, re.MULTILINE), name
    sent = set(re.findall(r"(?:_ofDownload|command)\(\s*'(\w+)'", source))
    assert sent == {name.partition(".")[0] for name in FROM_CLIENT} - {"authenticate"}


@pytest.mark.parametrize("name", ["add", "list", "publish", "subscribe"])
def test_each_option_of_python_is_one_of_the_method_in_dart(name: str) -> None:
    (parameters,) = re.findall(rf"  Future<\w+> {name}\((.*?)\) async", read("request_methods.dart"), re.DOTALL)
    options = {_camel(option) for option in signature(vars(RequestMethods)[name]).parameters} - {"self", "deadlineS"}
    assert [option for option in options if not re.search(rf"\b{option}\b", parameters)] == []


def test_a_record_of_a_download_has_the_members_of_the_one_in_python() -> None:
    source = read("downloads.dart")
    members = re.findall(r"(\w+) = raw\.(need|maybe)<(\w+)>\('(\w+)'\)", source)
    kinds = {"String": "str", "int": "int", "num": "float", "bool": "bool"}
    found = {name: kinds[kind] + (" | None" if how == "maybe" else "") for _, how, kind, name in members}
    hints = get_type_hints(AddedDownload)
    wanted = {field.name: hints[field.name] for field in fields(AddedDownload)}
    assert found == {name: getattr(hint, "__name__", str(hint)) for name, hint in wanted.items()} | {
        "existing": "bool | None"  # get and list have it not
    }
    for field, how, kind, name in members:
        assert field == _camel(name)
        assert f"final {kind.replace('num', 'double')}{'?' if how == 'maybe' else ''} {field};" in source


def test_limits_of_messages_are_those_of_python() -> None:
    source = read("commands.dart")
    (actions,) = re.findall(r"requestActions = \{([^}]+)\}", source)
    assert set(re.findall(r"\w+", actions)) == REQUEST_ACTIONS
    assert f"maxCommandCharacters = {MAX_COMMAND_CHARS};" in source
    assert f"maxRequestCharacters = {MAX_REQUEST_CHARS // 1024} * 1024;" in source
