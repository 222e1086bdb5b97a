"""The version of the installed package."""

from functools import cache
from importlib import metadata


@cache
def version() -> str:
    """Return the version of the installed package, "" in a checkout that isn't installed.

    Cached, since the process may later have no descriptor left to read it.
    """
    try:
        return metadata.version("simulcast")
    except metadata.PackageNotFoundError:
        return ""
