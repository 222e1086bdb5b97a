"""The programs that the command line starts: a front-end and a worker, each by its own module."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import NoReturn

_ROOT = Path(__file__).resolve().parents[2]  # where simulcast, app and workers lie side by side


# -P keeps the current folder off the path: a folder `app` of the user's own must not be run in its stead.
def front_end(*flags: str) -> list[str]:
    """The command of one front-end."""
    return [sys.executable, "-P", "-m", "app", *flags]


def worker(*flags: str) -> list[str]:
    """The command of one worker."""
    return [sys.executable, "-P", "-m", "workers", *flags]


def environment(given: Mapping[str, str]) -> dict[str, str]:
    """This process's environment and `given`; what is "" is left as it was."""
    merged = dict(os.environ) | {name: value for name, value in given.items() if value}
    if _ROOT.name not in ("site-packages", "dist-packages"):  # a checkout that may not be installed
        merged["PYTHONPATH"] = os.pathsep.join(filter(None, (str(_ROOT), merged.get("PYTHONPATH"))))
    return merged


def become(command: list[str], given: Mapping[str, str]) -> NoReturn:
    """Puts the command in this process's place."""
    os.execve(command[0], command, environment(given))  # noqa: S606
