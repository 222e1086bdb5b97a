"""The commands of docs/cli.md, run as they stand there."""

import asyncio
import re
import shlex
from pathlib import Path

import pytest

from simulcast.cli import errors
from simulcast.cli.app import app
from simulcast.model.token_claims import SCOPES
from tests.command_line import Command
from tests.documents import blocks
from tests.programs import StartFrontEnd
from tests.service import ROOT
from tests.signed_tokens import SECRET, token

DOCUMENT = (ROOT / "docs/cli.md").read_text(encoding="utf-8")


@pytest.mark.long
async def test_commands_run_by_redis_and_elsewhere(
    front_end: StartFrontEnd, simulcast_process: Command, folder: Path
) -> None:
    running = await front_end(SIMULCAST_TOKEN_SECRET=SECRET)
    remote = {"SIMULCAST_URL": f"http://127.0.0.1:{running.port}", "SIMULCAST_TOKEN": token(" ".join(SCOPES))}
    lines = [line for block in blocks("docs/cli.md", "sh") for line in block.splitlines()]
    commands = [line for line in lines if line.startswith("simulcast ") and "watch" not in line]
    assert len(commands) > 4
    for place in (remote, {"REDIS_URL": running.redis_url}):
        for line in commands:
            command, _, file = line.partition(" < ")
            stdin = "# none\nhttp://example.com/c\n" if file else ""
            done = await asyncio.to_thread(simulcast_process, *shlex.split(command)[1:], stdin=stdin, **place)
            assert (done.returncode, done.stderr) == (0, ""), (line, done)
            assert done.stdout or "running" in line


def test_the_table_of_exit_codes_is_that_of_the_program() -> None:
    codes = re.findall(r"^\| (\d) \| `(\w+)` \|", DOCUMENT, re.MULTILINE)
    assert {int(code): name for code, name in codes} == errors.CODES


def test_the_table_of_scopes_names_each_command_that_has_a_url() -> None:
    commands = {command.name or command.callback.__name__ for command in app.registered_commands if command.callback}
    rows = re.findall(r"^\| (`.*`) \| `(\w+)` \|$", DOCUMENT[: DOCUMENT.index("- `--url`")], re.MULTILINE)
    assert {scope for _, scope in rows} <= set(SCOPES)
    named = {name for row, _ in rows for name in re.findall(r"`(\w+)`", row)}
    (local,) = re.findall(r"^- (.*) belong to the machine", DOCUMENT, re.MULTILINE)
    assert named | set(re.findall(r"`(\w+)`", local)) == commands
