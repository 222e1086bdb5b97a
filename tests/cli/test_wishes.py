"""Commands about downloads, from the command line."""

import json

from simulcast.embedded import EmbeddedServer
from tests.cli.conftest import Command
from tests.cli.test_commands import complaint, told

NAMES = ("pause", "resume", "cancel", "retry", "delete", "clear", "list")


def test_help_names_them(simulcast: Command) -> None:
    text = simulcast("--help").stdout
    assert all(f" {name} " in text for name in NAMES)


async def test_a_download_is_paused_resumed_cancelled_retried_and_deleted(
    simulcast: Command, embedded: EmbeddedServer
) -> None:
    download_id = simulcast("add", "http://example.com/a.iso").stdout.split()[0]
    for action in ("pause", "resume", "cancel", "retry", "cancel", "delete"):
        assert simulcast(action, download_id).stdout == f"{download_id}  {action} is recorded\n"
    types = [str(event["type"]).removeprefix("download_") for event in await told(embedded.url)]
    assert types == ["queued", "paused", "queued", "cancelled", "queued", "cancelled", "deleted"]
    assert simulcast("list").stdout == ""


def test_what_can_not_be_is_said_for_each_and_the_others_are_done(simulcast: Command, embedded: EmbeddedServer) -> None:
    download_id = simulcast("add", "http://example.com/a.iso").stdout.split()[0]
    done = simulcast("pause", "nobody", download_id)
    assert done.returncode == 1
    assert done.stdout == f"{download_id}  pause is recorded\n"
    assert done.stderr == "simulcast: there is no download nobody\n"
    assert "cancel it first" not in complaint(simulcast("pause", download_id))


def test_downloads_are_listed_and_cleared(simulcast: Command, embedded: EmbeddedServer) -> None:
    first, second = (simulcast("add", f"http://example.com/{name}.iso").stdout.split()[0] for name in "ab")
    simulcast("cancel", first)
    lines = simulcast("list").stdout.splitlines()
    assert {line.split()[0]: line.split()[1] for line in lines} == {first: "cancelled", second: "queued"}
    assert simulcast("list", "--state", "queued").stdout.split()[0] == second
    assert "there are queued" in complaint(simulcast("list", "--state", "flying"))
    assert simulcast("list", "--limit", "1").stdout.endswith("1 more: --limit shows them\n")
    assert simulcast("clear").returncode == 0
    assert json.dumps(first) not in simulcast("list").stdout and first not in simulcast("list").stdout
