"""A program on the Lua library of a release to come: `python -m tests.system.later_release MODULE [argument …]`."""

import hashlib
import runpy
import sys
from unittest import mock

from simulcast.store import functions


def later() -> str:
    """The library's text, as any other release has another one."""
    return f"{functions._body()}\n-- a release to come\n"


def later_version() -> str:
    """As `functions.library_hash`."""
    return hashlib.sha256(later().encode()).hexdigest()[:10]


if __name__ == "__main__":
    sys.argv = sys.argv[1:]
    with mock.patch.object(functions, "_body", return_value=later()):
        functions.library_hash()  # both are cached from here on
        functions.code()
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
