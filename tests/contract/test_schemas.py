"""The schemas of the messages, compared with the golden messages, and with what the server reads."""

import json
from typing import Any

import jsonschema_rs
import pytest
from pydantic import BaseModel

from simulcast.gateway.events import _KINDS, Event, _members
from simulcast.model.action_schemas import ACTION_MESSAGES as CLIENT_KINDS
from simulcast.model.command_parser import parse
from simulcast.model.commands import ACTIONS, JOB_ACTIONS, REQUEST_ACTIONS, InvalidCommand
from simulcast.model.message_schemas import SERVER_MESSAGES as SERVER_KINDS
from simulcast.model.message_schemas import OtherEvent, json_schema
from tests.contract_examples import FROM_CLIENT, FROM_SERVER, kind_of

SCHEMA = json_schema()
NAMES = {kind.__name__ for kind in (*SERVER_KINDS, *CLIENT_KINDS)}
DEFINITIONS: dict[str, Any] = SCHEMA["$defs"]
VALIDATORS = {
    name: jsonschema_rs.Draft202012Validator({"$ref": f"#/$defs/{name}", "$defs": DEFINITIONS}) for name in NAMES
}


def matching(message: object, kinds: tuple[type[BaseModel], ...]) -> list[str]:
    """Return the names of the messages of which it is one; an event of another type is only that."""
    names = [kind.__name__ for kind in kinds if VALIDATORS[kind.__name__].is_valid(message)]
    return [name for name in names if name != OtherEvent.__name__] or names


def members(name: str) -> dict[str, Any]:
    found: dict[str, Any] = DEFINITIONS[name]["properties"]
    return found


def test_the_schemas_are_schemas() -> None:
    jsonschema_rs.meta.validate(SCHEMA)
    assert DEFINITIONS.keys() >= NAMES


@pytest.mark.parametrize("name", FROM_SERVER)
def test_each_message_of_the_server_is_exactly_one_and_has_no_other_members(name: str) -> None:
    message = json.loads(FROM_SERVER[name])
    (kind,) = matching(message, SERVER_KINDS)
    assert (kind == "OtherEvent") == (name == "other")
    if name != "other":
        assert members(kind)["type"]["const"] == kind_of(name)
        assert message.keys() <= members(kind).keys()


@pytest.mark.parametrize("name", FROM_CLIENT)
def test_each_message_of_a_client_is_exactly_one_and_has_no_other_members(name: str) -> None:
    message = json.loads(FROM_CLIENT[name])
    (kind,) = matching(message, CLIENT_KINDS)
    assert members(kind)["action"]["const"] == kind_of(name)
    assert message.keys() <= members(kind).keys()


def test_each_described_message_has_an_example() -> None:
    seen = {matching(json.loads(text), SERVER_KINDS)[0] for text in FROM_SERVER.values()}
    seen |= {matching(json.loads(text), CLIENT_KINDS)[0] for text in FROM_CLIENT.values()}
    assert seen == NAMES


@pytest.mark.parametrize("name", sorted(NAMES - {"OtherEvent"}))
def test_no_described_message_lacks_a_member_that_is_required(name: str) -> None:
    kinds, examples = (
        (SERVER_KINDS, FROM_SERVER) if name in {k.__name__ for k in SERVER_KINDS} else (CLIENT_KINDS, FROM_CLIENT)
    )
    whole = next(found for text in examples.values() if matching(found := json.loads(text), kinds) == [name])
    required = DEFINITIONS[name]["required"]
    assert required
    for member in required:
        assert name not in matching({key: value for key, value in whole.items() if key != member}, kinds), member


def test_the_actions_are_those_that_the_server_reads() -> None:
    described = {DEFINITIONS[kind.__name__]["properties"]["action"]["const"] for kind in CLIENT_KINDS}
    assert described == {*ACTIONS, *JOB_ACTIONS, *REQUEST_ACTIONS, "subscribe", "unsubscribe", "authenticate"}


@pytest.mark.parametrize("member", ["download_id", "job_id", "channel", "command_id", "bytes_per_s", "file"])
@pytest.mark.parametrize("value", ["", "x" * 201, 7, -1, None, True, 10**12 + 1], ids=repr)
def test_a_member_that_the_server_refuses_does_not_fit(member: str, value: object) -> None:
    """And one that fits is not refused: null and the lengths of what a request adds are checked by its own model."""
    for text in FROM_CLIENT.values():
        message = json.loads(text)
        if member in message and message["action"] not in REQUEST_ACTIONS:
            message[member] = value
            refused = isinstance(parse(json.dumps(message)), InvalidCommand)
            assert bool(matching(message, CLIENT_KINDS)) != refused, message


@pytest.mark.parametrize(("name", "kind"), _KINDS.items())
def test_each_typed_event_of_python_has_described_members_and_requires_the_same(name: str, kind: type[Event]) -> None:
    described, promised = DEFINITIONS[kind.__name__], _members(kind)
    assert described["properties"]["type"]["const"] == name
    assert promised.keys() <= described["properties"].keys()
    required = {member for member, (_, is_required) in promised.items() if is_required}
    assert required | {"type"} == {*described["required"]}
