"""The Lua library of a release from before the index of jobs: its functions change jobs and leave the index alone.

A program on it: `python -m tests.older_release MODULE [argument …]`.
"""

import runpy
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from unittest import mock

from simulcast.store import functions

_CHANGES = (
    ("local function index_job(channel, id)\n", "local function index_job(channel, id)\n  if true then return end\n"),
    (
        "local function unindex_job(channel, id, owner)\n",
        "local function unindex_job(channel, id, owner)\n  if true then return end\n",
    ),
    (",\n    'indexed', was_indexed and id or channel.indexed)", ")"),
    (" 'indexed', channel.indexed,", ""),
)


def older() -> str:
    """Return the library's text."""
    text = functions._body()
    for now, before in _CHANGES:
        assert text.count(now) == 1, now
        text = text.replace(now, before)
    return text


@contextmanager
def changed_library(text: str) -> Iterator[None]:
    """Call the functions of that library, in this process."""
    with mock.patch.object(functions, "_body", return_value=text):
        _forget()
        try:
            yield
        finally:
            _forget()


def older_release() -> AbstractContextManager[None]:
    """Call the functions of that release, in this process."""
    return changed_library(older())


def _forget() -> None:
    functions.library_hash.cache_clear()
    functions.code.cache_clear()


if __name__ == "__main__":
    sys.argv = sys.argv[1:]
    with older_release():
        functions.library_hash()  # both are cached from here on
        functions.code()
        runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
