"""`simulcast add -`: URLs from standard input."""

import asyncio
import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from simulcast.cli.lines import MAX_LINE_BYTES, read_lines
from simulcast.errors import CommandError
from simulcast.launcher.embedded import EmbeddedServer
from tests.command_line import Command, command_process
from tests.ports import free_port
from tests.service import FrontEnd

LINES = (
    "# mine\r\nhttp://example.com/a.iso\r\n\n  \nftp://example.com/b\n\thttp://example.com/c\nnonsense\nhttp://a/d e\n"
)
TEXTS = {"add": "http://example.com/full\n", "publish": '{"a":1}'}


def test_lines_are_added_and_each_refused_one_is_named_with_its_number(
    simulcast_process: Command, embedded: EmbeddedServer
) -> None:
    done = simulcast_process("add", "-", "http://example.com/last", stdin="\ufeff" + LINES)
    assert done.returncode == 1
    assert [line.split()[1] for line in done.stdout.splitlines()] == ["a.iso", "c", "last"]
    errors = done.stderr.splitlines()
    assert [line.partition(": '")[0] for line in errors] == [f"simulcast: line {number}" for number in (5, 7, 8)]
    assert "SIMULCAST_DOWNLOAD_SCHEMES" in errors[0] and "percent-encode" in errors[2]
    assert simulcast_process("add", "-", stdin="# none\n").returncode == 0


def test_lines_are_added_elsewhere_whose_refusals_are_lines_of_json(
    simulcast_process: Command, shared_front_end: FrontEnd
) -> None:
    url = f"http://127.0.0.1:{shared_front_end.port}"
    done = simulcast_process("add", "-", "--json", "--url", url, stdin=LINES)
    assert done.returncode == 1
    assert [json.loads(line)["name"] for line in done.stdout.splitlines()] == ["a.iso", "c"]
    errors = [json.loads(line) for line in done.stderr.splitlines()]
    assert [(error["error"], error["line"]) for error in errors] == [("failed", 5), ("failed", 7), ("failed", 8)]
    assert "SIMULCAST_DOWNLOAD_SCHEMES" in errors[0]["message"]


def test_a_line_at_which_the_service_is_away_is_named(simulcast_process: Command) -> None:
    done = simulcast_process("add", "-", "--url", f"http://127.0.0.1:{free_port()}", stdin="\nhttp://example.com/a\n")
    assert done.returncode == 3 and done.stdout == ""
    assert done.stderr.startswith("simulcast: line 2 and those after it were not added: no server at ")


def test_one_name_does_not_fit_several_lines(simulcast_process: Command) -> None:
    done = simulcast_process("add", "-", "--name", "x")
    assert done.returncode == 1 and "standard input may name several" in done.stderr


@pytest.mark.parametrize("words", [("add", "-"), ("publish", "news", "-")])
def test_a_closed_standard_input_and_a_full_disk_are_named(
    folder: Path, environment: dict[str, str], words: tuple[str, ...], shared_front_end: FrontEnd
) -> None:
    program = [sys.executable, "-m", "simulcast.cli"]
    url = f"http://127.0.0.1:{shared_front_end.port}"
    command = shlex.join([*program, *words, "--json", "--url", url])
    for redirection, stdin, message in (("<&-", "", "input is closed"), (">/dev/full", TEXTS[words[0]], "No space")):
        done = subprocess.run(
            ["/bin/sh", "-c", f"{command} {redirection}"],
            cwd=folder,
            env=environment,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=60,
        )
        error = json.loads(done.stderr)
        assert (done.returncode, error["error"]) == (1, "failed") and message in error["message"], done


async def test_ctrl_c_ends_the_wait_for_a_line(
    folder: Path, environment: dict[str, str], embedded: EmbeddedServer
) -> None:
    ours, theirs = os.pipe()
    async with command_process(folder, environment, "add", "-", stdin=ours) as process:
        os.close(ours)
        os.write(theirs, b"http://example.com/a\nhttp://exam")
        assert process.stdout is not None
        async with asyncio.timeout(60):
            assert (await process.stdout.readline()).split()[1:] == [b"a"]
            process.send_signal(2)
            _, err = await process.communicate()
        assert process.returncode == 130 and b"Fatal" not in err and b"Traceback" not in err, err
    os.close(theirs)


async def test_lines_come_whole_and_a_long_one_is_refused(tmp_path: Path) -> None:
    (tmp_path / "lines").write_bytes(b"a\n" + b"b" * (MAX_LINE_BYTES - 10) + b"\nc")
    with (tmp_path / "lines").open("rb") as file:
        assert [(number, len(line)) async for number, line in read_lines(file.fileno())] == [
            (1, 1),
            (2, MAX_LINE_BYTES - 10),
            (3, 1),
        ]
    (tmp_path / "lines").write_bytes(b"a\n" + b"b" * 3 * MAX_LINE_BYTES)
    with (tmp_path / "lines").open("rb") as file, pytest.raises(CommandError, match="line 2 has more than 65,536"):
        async for _ in read_lines(file.fileno()):
            pass
