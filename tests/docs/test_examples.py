"""Commands, routes, members and values in the documents are those of the programs."""

import json
import re
from typing import cast, get_args

import aiohttp
import redis
import typer

from simulcast.broker import Broker
from simulcast.cli.app import app
from simulcast.model.commands import ErrorCode, Reason
from simulcast.model.job_record import Sort, State
from tests.contract_examples import FROM_SERVER
from tests.programs import StartFrontEnd
from tests.service import ROOT, FrontEnd, collect
from tests.valkey import Valkey

README = (ROOT / "README.md").read_text(encoding="utf-8")
PROTOCOL = (ROOT / "docs/protocol.md").read_text(encoding="utf-8")


def listed(pattern: str, text: str = PROTOCOL) -> set[str]:
    """Return the words in backquotes in the group of the pattern."""
    match = re.search(pattern, text, re.DOTALL)
    assert match, pattern
    return set(re.findall(r"`(\w+)`", match[1]))


def test_the_readme_names_all_commands() -> None:
    names = set(cast(typer.core.TyperGroup, typer.main.get_command(app)).commands)
    assert listed(r"lists all commands: (.*?)\.\n", README) == names


async def test_a_plain_publish_as_in_the_readme_reaches_a_client(front_end: StartFrontEnd, own_valkey: Valkey) -> None:
    match = re.search(r"`PUBLISH (\S+) '", README)
    assert match
    event = FROM_SERVER["download_progress.live_only"]
    async with await (await front_end()).connect() as client:
        with redis.Redis(port=own_valkey.port, protocol=2) as plain:
            plain.publish(match[1], event)
        assert [text.encode() for text in await collect(client, "12345")] == [event]


async def test_a_plain_publish_is_kept_by_the_front_ends_that_receive_it_and_by_no_redis(
    front_end: StartFrontEnd, own_valkey: Valkey
) -> None:
    event = {"type": "download_progress", "download_id": "12345", "progress": 0.5, "speed": 1}
    first, second = await front_end(), await front_end()
    async with await first.connect() as client, await second.connect() as other:
        with redis.Redis(port=own_valkey.port, protocol=2) as plain:
            plain.publish("simulcast:downloads", json.dumps(event))
            for receiver in (client, other):
                assert json.loads((await collect(receiver, "12345"))[-1]) == event
            assert plain.xlen("{simulcast:downloads}:history") == 0

    async def joining(query: str) -> list[str]:
        async with await first.connect(query) as client:
            await client.send("{}")
            return (await collect(client, "missing_member"))[:-1]

    broker = Broker.connect(own_valkey.url)
    head = (await broker.head()).position
    await broker.aclose()
    assert [json.loads(text) for text in await joining("")] == [event]
    assert await joining(f"?since={head}") == []


async def test_pages_of_other_origins_have_what_the_protocol_says(shared_front_end: FrontEnd) -> None:
    localhost, other = "http://localhost:54321", "https://elsewhere.example"
    body = {"url": "https://example.com/a.iso"}
    async with aiohttp.ClientSession(f"http://127.0.0.1:{shared_front_end.port}") as session:
        for origin, status in ((localhost, 200), (other, 403)):
            async with session.get("/events", headers={"origin": origin}) as response:
                assert response.status == status
                assert ("access-control-allow-origin" in response.headers) == (origin == localhost)
            preflight = {"origin": origin, "access-control-request-method": "POST"}
            async with session.options("/downloads", headers=preflight) as response:
                assert response.status == status
        async with session.post("/downloads", json=body, headers={"origin": other}) as response:
            assert response.status == 403


def test_the_protocol_names_all_reasons_codes_and_states() -> None:
    (table,) = re.findall(r"\n\| `reason` \| by REST.*?\n\n", PROTOCOL, re.DOTALL)
    named = set(re.findall(r"`(\w+)`", "".join(re.findall(r"^\|([^|]*)", table, re.MULTILINE))))
    named |= listed(r"\n(`reason` is .*?)\. ") | listed(r"has the reason (.*?), of")
    assert named == {"reason", *(reason for part in get_args(Reason) for reason in get_args(part))}
    assert listed(r"\n(`code` is .*?)\. ") == {"code", *get_args(ErrorCode)}
    assert listed(r"\n(`state` is .*?);") == {"state", *get_args(State)}


async def test_the_rest_table_names_all_routes_and_what_lists_are_sorted_by(shared_front_end: FrontEnd) -> None:
    _, description = await shared_front_end.get("/openapi.json")
    paths = cast(dict[str, dict[str, object]], description["paths"])
    routes = {f"{method.upper()} {path}" for path, methods in paths.items() for method in methods}
    named = set(re.findall(r"^\| `([A-Z]+ /[^`]*)`", PROTOCOL, re.MULTILINE))
    actions = {"POST /downloads/{download_id}/pause", "GET /docs"}
    assert named == routes - {"POST /downloads/{download_id}/{action}"} | actions
    assert listed(r"`sort=` \((.*?)\)") == set(get_args(Sort))


async def test_the_record_has_the_members_that_the_protocol_names(shared_front_end: FrontEnd) -> None:
    match = re.search(r"A record: `\{(.*?)\}`", PROTOCOL)
    assert match
    _, added = await shared_front_end.post("/downloads", {"url": "https://example.com/a.iso"})
    _, record = await shared_front_end.get(f"/downloads/{added['download_id']}")
    assert [name.strip('"') for name in match[1].split(",")] == list(record)
