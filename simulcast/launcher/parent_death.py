"""Runs a program that ends when its parent dies: `python -IS parent_death.py PARENT SIGNAL HOW program arguments…`.

HOW `exec` (Linux): the kernel sends SIGNAL at the parent's death, and the program takes the place of this process.
HOW `watch` (macOS has no such call): this process stays between the two and checks its parent twice a second.

It is a program and not a preexec_fn, which runs Python between fork and exec and can deadlock in a process with
threads. It imports the standard library only, and so costs a hundredth of a second.
"""

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from typing import NoReturn

_PR_SET_PDEATHSIG = 1  # prctl(2)
POLL_INTERVAL_S = 0.5
_STOP_TIMEOUT_S = 10.0
CANNOT_RUN = 127
NO_PARENT = 143


def with_parent_death_guard(command: Sequence[str | os.PathLike[str]], at_death: signal.Signals) -> list[str]:
    """Return a command that runs `command`, which gets `at_death` when this process dies, even by `kill -9`.

    Linux sends it at the death of the thread that started the command: start it from the main thread.
    """
    how = "exec" if sys.platform == "linux" else "watch"
    return [sys.executable, "-IS", __file__, str(os.getpid()), str(int(at_death)), how, *map(str, command)]


def main() -> int:
    """Become the program, or run it and return its exit code; CANNOT_RUN or NO_PARENT if it did not run to its end."""
    parent, at_death, how, *command = sys.argv[1:]
    try:
        if how == "exec":
            _become(int(parent), int(at_death), command)
        return _watch(int(parent), int(at_death), command)
    except OSError as error:
        print(f"can't run {command[0]}: {error.strerror}", file=sys.stderr)
        return CANNOT_RUN


def _become(parent: int, at_death: int, command: list[str]) -> NoReturn:
    if ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, at_death, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    if os.getppid() != parent:  # it died before the call
        sys.exit(NO_PARENT)
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # Python ignores it, and the program would inherit that
    os.execvp(command[0], command)  # noqa: S606


def _watch(parent: int, at_death: int, command: list[str]) -> int:
    process = subprocess.Popen(command, close_fds=False)  # noqa: S603
    signal.signal(signal.SIGTERM, lambda *_: process.terminate())
    while os.getppid() == parent:
        try:
            code = process.wait(POLL_INTERVAL_S)
        except subprocess.TimeoutExpired:
            continue
        return code if code >= 0 else 128 - code
    process.send_signal(at_death)
    try:
        process.wait(_STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()
    return NO_PARENT


if __name__ == "__main__":
    sys.exit(main())
