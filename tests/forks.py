"""Work in a forked child of the tests' process."""

import os
import signal
import time
import warnings
from collections.abc import Callable

CHILD_TIMEOUT_S = 30.0


def in_child(work: Callable[[], object]) -> int:
    """Exit code of a forked child that does the work; negative where it had to be killed."""
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore", DeprecationWarning
        )  # of forks in processes with threads, as from Python 3.12 on
        child = os.fork()
    if child == 0:
        try:
            work()
            os._exit(0)
        except BaseException:
            os._exit(1)
    deadline = time.monotonic() + CHILD_TIMEOUT_S
    while time.monotonic() < deadline:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.01)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return -1
