"""`/asyncapi.json` and `/messages.schema.json`, by the official parser, and as a front-end serves them."""

import json
import urllib.request
from pathlib import Path

import pytest

from app.routes.asyncapi import asyncapi
from simulcast.model.action_schemas import ACTION_MESSAGES
from simulcast.model.message_schemas import SERVER_MESSAGES, json_schema
from tests.app.routes.asyncapi_parser import diagnose, installed
from tests.programs import StartFrontEnd
from tests.service import FrontEnd
from tests.signed_tokens import SECRET


@pytest.fixture(scope="module")
def parser() -> Path:
    return installed()


@pytest.mark.long
@pytest.mark.parametrize("secured", [False, True])
async def test_the_official_parser_finds_nothing_wrong(parser: Path, secured: bool) -> None:
    document = asyncapi(secured)
    assert await diagnose(parser, document) == []
    assert ("securitySchemes" in document["components"]) == secured
    assert all(("security" in server) == secured for server in document["servers"].values())


@pytest.mark.long
@pytest.mark.parametrize("path", [["channels", "ws", "address"], ["operations", "sendEvents", "action"]])
async def test_the_official_parser_finds_a_mistake(parser: Path, path: list[str]) -> None:
    document = asyncapi(False)
    part = document
    for name in path[:-1]:
        part = part[name]
    part[path[-1]] = 7
    assert await diagnose(parser, document) != []


def test_each_message_is_sent_or_received() -> None:
    document = asyncapi(False)
    operations = document["operations"]
    carried = {
        reference["$ref"].rpartition("/")[2]
        for each in (*operations.values(), operations["receiveCommands"]["reply"])
        for reference in each["messages"]
    }
    named = {kind.__name__ for kind in (*SERVER_MESSAGES, *ACTION_MESSAGES)}
    assert carried == document["components"]["messages"].keys() == named
    assert carried <= document["components"]["schemas"].keys()


def ask(url: str) -> tuple[str, dict[str, object]]:
    with urllib.request.urlopen(url, timeout=20) as answer:  # noqa: S310
        return answer.headers["content-type"], json.load(answer)


def test_a_front_end_serves_both_without_a_token_and_names_itself(shared_front_end: FrontEnd) -> None:
    host = f"127.0.0.1:{shared_front_end.port}"
    assert ask(f"http://{host}/messages.schema.json") == ("application/schema+json", json_schema())
    kind, document = ask(f"http://{host}/asyncapi.json")
    assert (kind, document) == ("application/json", asyncapi(False, host))


async def test_below_a_root_path_and_with_tokens_it_says_so(front_end: StartFrontEnd) -> None:
    running = await front_end(root_path="/live", SIMULCAST_TOKEN_SECRET=SECRET)
    host = f"127.0.0.1:{running.port}"
    _, document = ask(f"http://{host}/asyncapi.json")
    assert document == asyncapi(True, host, "http", "/live")
