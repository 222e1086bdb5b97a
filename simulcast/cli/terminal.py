"""Printing for a service that outlives its terminal."""

import os
import sys
import threading
from contextlib import suppress

_MAX_BLOCKED_S = 1.0


def print_if_possible(text: str) -> None:
    """Print a line, unless standard output is closed (`| head`, a terminal that has gone) or takes nothing.

    A service runs on and ends in order, whatever becomes of its output: nothing is raised, and a full pipe delays it by
    a second at most. The bytes go past Python's buffer, whose lock a blocked thread would keep at exit.
    """

    def write() -> None:
        with suppress(OSError, ValueError):  # ValueError: there is no standard output
            os.write(sys.__stdout__.fileno() if sys.__stdout__ else 1, f"{text}\n".encode(errors="replace"))

    thread = threading.Thread(target=write, name="print", daemon=True)
    thread.start()
    thread.join(_MAX_BLOCKED_S)
