"""What the documents show in passing: commands, routes, members and values that must be those of the programs."""

import re
from typing import cast, get_args

import redis
import typer

from simulcast.cli.app import app
from simulcast.model.commands import ErrorCode, Reason
from simulcast.model.job_record import Sort, State
from tests.contract.examples import FROM_SERVER
from tests.docs.test_documents import ROOT
from tests.programs import StartFrontEnd
from tests.service import FrontEnd, collect
from tests.valkey import Valkey

README = (ROOT / "README.md").read_text(encoding="utf-8")
PROTOCOL = (ROOT / "docs/protocol.md").read_text(encoding="utf-8")


def listed(pattern: str, text: str = PROTOCOL) -> set[str]:
    """The words in backquotes within what the pattern's group finds."""
    found = re.search(pattern, text, re.DOTALL)
    assert found, pattern
    return set(re.findall(r"`(\w+)`", found[1]))


def test_the_readme_names_all_commands() -> None:
    names = set(cast(typer.core.TyperGroup, typer.main.get_command(app)).commands)
    assert listed(r"\| all commands: (.*?)\|", README) == names


async def test_a_plain_publish_as_in_the_readme_reaches_a_client(front_end: StartFrontEnd, own_valkey: Valkey) -> None:
    found = re.search(r"`redis-cli PUBLISH (\S+) '", README)
    assert found
    event = FROM_SERVER["download_progress.live_only"]
    async with await (await front_end()).connect() as client:
        with redis.Redis(port=own_valkey.port, protocol=2) as plain:
            plain.publish(found[1], event)
        assert [text.encode() for text in await collect(client, "12345")] == [event]


def test_the_protocol_names_all_reasons_codes_and_states() -> None:
    assert listed(r"\n(`reason` is .*?)\. ") == {"reason", *get_args(Reason)}
    assert listed(r"\n(`code` is .*?)\. ") == {"code", *get_args(ErrorCode)}
    assert listed(r"\n(`state` is .*?);") == {"state", *get_args(State)}


async def test_the_rest_table_names_all_routes_and_what_lists_are_sorted_by(shared_front_end: FrontEnd) -> None:
    _, description = await shared_front_end.get("/openapi.json")
    paths = cast(dict[str, dict[str, object]], description["paths"])
    routes = {f"{method.upper()} {path}" for path, methods in paths.items() for method in methods}
    named = set(re.findall(r"^\| `([A-Z]+ /[^`]*)`", PROTOCOL, re.MULTILINE))
    actions = {"POST /downloads/{download_id}/pause", "GET /docs"}
    assert named == routes - {"POST /downloads/{download_id}/{action}"} | actions
    found = re.search(r"`sort=(.*?)`", PROTOCOL)
    assert found
    assert found[1].split(r"\|") == list(get_args(Sort))


async def test_the_record_has_the_members_that_the_protocol_names(shared_front_end: FrontEnd) -> None:
    found = re.search(r"A record: `\{(.*?)\}`", PROTOCOL)
    assert found
    _, record = await shared_front_end.post("/downloads", {"url": "https://example.com/a.iso"})
    assert [name.strip('"') for name in found[1].split(",")] == list(record)
