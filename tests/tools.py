"""Programs that tests need and this project does not bring."""

import os
import shutil

import pytest


def program_path(name: str, package: str = "", *, remedy: str = "") -> str:
    """Return the program's path. Without it the test is skipped, but fails where CI is set.

    `package` brings it, or the command `remedy` does.
    """
    path = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if path is not None:
        return path
    reason = f"no {name} on the PATH or in /usr/sbin: {remedy or f'apt-get install {package}'}"
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)
