"""The help of the commands, and their completion in a shell."""

import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from typer.core import TyperGroup

from simulcast.cli.app import app
from tests.command_line import Command

GROUP = typer.main.get_command(app)
assert isinstance(GROUP, TyperGroup)
NAMES = sorted(GROUP.commands)


@pytest.mark.parametrize("name", NAMES)
def test_help_has_no_types_fits_into_80_columns_and_ends_with_examples(simulcast: Command, name: str) -> None:
    text = simulcast(name, "--help", COLUMNS="80").stdout
    assert "<" not in text.replace("< ", ""), text
    assert max(map(len, text.splitlines())) <= 80
    assert "Example" in text


@pytest.mark.parametrize("name", NAMES)
def test_examples_are_valid_command_lines(name: str) -> None:
    assert isinstance(GROUP, TyperGroup)
    command = GROUP.commands[name]
    assert command.epilog is not None
    examples = [line.strip() for line in command.epilog.splitlines() if line.startswith("  ")]
    assert examples
    for example in examples:
        program, given, *arguments = shlex.split(example.partition(" < ")[0].partition(" | ")[0])
        assert (program, given) == ("simulcast", name)
        command.make_context(name, arguments)  # raises UsageError


def test_help_of_all_commands_has_one_whole_line_for_each_and_the_exit_codes(simulcast: Command) -> None:
    text = simulcast("--help", COLUMNS="80").stdout
    assert "..." not in text.replace("[ARGS]...", "")
    assert all(f"\n  {name} " in text for name in NAMES)
    assert text.index("\n  up ") < text.index("\n  add ") < text.index("\n  token ")
    assert "Exit codes: 0 done; 1 failed" in text


def test_help_of_a_token_warns_of_the_list_of_processes(simulcast: Command) -> None:
    for name in ("list", "watch", "publish"):
        assert "ps" in simulcast(name, "--help").stdout and "set the variable" in simulcast(name, "--help").stdout


COMPLETE = {
    "bash": {"COMP_WORDS": "simulcast li", "COMP_CWORD": "1", "_SIMULCAST_COMPLETE": "complete_bash"},
    "zsh": {"_TYPER_COMPLETE_ARGS": "simulcast li", "_SIMULCAST_COMPLETE": "complete_zsh"},
    "fish": {
        "_TYPER_COMPLETE_ARGS": "simulcast li",
        "_TYPER_COMPLETE_FISH_ACTION": "get-args",
        "_SIMULCAST_COMPLETE": "complete_fish",
    },
}


@pytest.mark.parametrize("shell", COMPLETE)
def test_a_shell_completes_commands(simulcast_process: Command, shell: str) -> None:
    done = simulcast_process(**COMPLETE[shell])
    assert all(name in done.stdout for name in ("list", "limit")) and "watch" not in done.stdout, done


def test_bash_completes_options_by_the_script_that_is_shown(environment: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "simulcast").write_text(f'#!/bin/sh\nexec {sys.executable} -m simulcast.cli "$@"\n')
    (tmp_path / "simulcast").chmod(0o755)
    script = (
        'eval "$(simulcast --show-completion bash)"; COMP_WORDS=(simulcast watch --ch); COMP_CWORD=2; '
        '_simulcast_completion simulcast; echo "${COMPREPLY[@]}"'
    )
    path = {"PATH": f"{tmp_path}:{environment['PATH']}", "_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"}
    bash = shutil.which("bash")
    assert bash is not None
    done = subprocess.run([bash, "-c", script], env=environment | path, capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "--channel", done
