"""The commands that start the two programs, a front-end and a worker, and their environment."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import NoReturn

_LIBRARY = Path(__file__).resolve().parents[1]
_INSTALLED = _LIBRARY / "programs"  # a wheel has app/ and workers/ below simulcast/; a checkout has them at its root
_PROGRAMS = _INSTALLED if _INSTALLED.is_dir() else _LIBRARY.parent


def front_end(*flags: str) -> list[str]:
    """Return the command of one front-end."""
    return _command("app", *flags)


def worker() -> list[str]:
    """Return the command of one worker."""
    return _command("workers")


def _command(module: str, *flags: str) -> list[str]:
    # -P keeps the current folder off the path: a package `app` of the user's own must not run instead.
    return [sys.executable, "-P", "-m", module, *flags]


def environment(settings: Mapping[str, str]) -> dict[str, str]:
    """Merge this process's environment with `settings`, whose empty values change nothing.

    The programs are on the path of their own processes alone, ahead of any other `app` or `workers`.
    """
    merged = dict(os.environ) | {name: value for name, value in settings.items() if value}
    merged["PYTHONPATH"] = os.pathsep.join(filter(None, (str(_PROGRAMS), merged.get("PYTHONPATH"))))
    return merged


def become(command: list[str], settings: Mapping[str, str]) -> NoReturn:
    """Run the command in place of this process."""
    os.execve(command[0], command, environment(settings))  # noqa: S606
