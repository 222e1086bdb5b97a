"""The programs that the command line starts: a front-end and a worker, each by its own module."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import NoReturn

_LIBRARY = Path(__file__).resolve().parents[1]
_INSTALLED = _LIBRARY / "programs"  # a wheel has app/ and workers/ below simulcast/; a checkout has them beside it
_PROGRAMS = _INSTALLED if _INSTALLED.is_dir() else _LIBRARY.parent


# -P keeps the current folder off the path: a folder `app` of the user's own must not be run in its stead.
def front_end(*flags: str) -> list[str]:
    """The command of one front-end."""
    return [sys.executable, "-P", "-m", "app", *flags]


def worker(*flags: str) -> list[str]:
    """The command of one worker."""
    return [sys.executable, "-P", "-m", "workers", *flags]


def environment(given: Mapping[str, str]) -> dict[str, str]:
    """Merge this process's environment with `given`, whose empty values change nothing.

    The programs are on the path of their own processes alone, ahead of any other `app` or `workers`.
    """
    merged = dict(os.environ) | {name: value for name, value in given.items() if value}
    merged["PYTHONPATH"] = os.pathsep.join(filter(None, (str(_PROGRAMS), merged.get("PYTHONPATH"))))
    return merged


def become(command: list[str], given: Mapping[str, str]) -> NoReturn:
    """Puts the command in this process's place."""
    os.execve(command[0], command, environment(given))  # noqa: S606
