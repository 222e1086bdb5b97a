"""Libraries that pin an older client for Redis than our server's, in a folder that only their programs see."""

import fcntl
import subprocess
import sys
import tomllib
from pathlib import Path

from tests.service import ROOT


def libraries() -> str:
    """Return a PYTHONPATH with the libraries of the group `older-redis`, and this checkout."""
    group = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["dependency-groups"]["older-redis"]
    folder = Path(sys.prefix) / "older-redis"
    folder.mkdir(exist_ok=True)
    with (folder / "installed").open("a+") as installed:
        fcntl.flock(installed, fcntl.LOCK_EX)
        installed.seek(0)
        if installed.read() != str(group):
            pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "-q", "--upgrade")
            subprocess.run((*pip, "--target", folder, *group), check=True)
            installed.truncate(0)
            installed.write(str(group))
    return f"{folder}:{ROOT}"
