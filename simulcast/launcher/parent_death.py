"""Run a program that must not outlive its parent: `python -IS parent_death.py PARENT SIGNAL HOW program arguments…`.

HOW `exec` (Linux): the kernel is asked for SIGNAL at the parent's death, and the program takes this process's place.
HOW `watch` (macOS has no such call): this process stays between the two and looks twice a second for its parent.

A program of its own and not a preexec_fn, which runs Python between fork and exec: that can deadlock where there are
threads. Standard library only, so it costs a hundredth of a second.
"""

import ctypes
import os
import signal
import subprocess
import sys
from typing import NoReturn

_PR_SET_PDEATHSIG = 1  # prctl(2)
POLL_INTERVAL_S = 0.5
_GRACE_S = 10.0
CANT_RUN = 127
NO_PARENT = 143


def main() -> int:
    """Becomes the program, or returns its exit code; CANT_RUN or NO_PARENT where there is none."""
    parent, at_death, how, *command = sys.argv[1:]
    try:
        if how == "exec":
            _become(int(parent), int(at_death), command)
        return _watch(int(parent), int(at_death), command)
    except OSError as error:
        print(f"can't run {command[0]}: {error.strerror}", file=sys.stderr)
        return CANT_RUN


def _become(parent: int, at_death: int, command: list[str]) -> NoReturn:
    if ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, at_death, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    if os.getppid() != parent:  # it died before the kernel was asked
        sys.exit(NO_PARENT)
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # Python ignores it, and that would be inherited
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
        process.wait(_GRACE_S)
    except subprocess.TimeoutExpired:
        process.kill()
    return NO_PARENT


if __name__ == "__main__":
    sys.exit(main())
