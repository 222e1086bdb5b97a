"""Folders below a download folder, opened one by one: neither a name nor a link below it leads out of it."""

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

_BELOW = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
NO_SUBFOLDER = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG})
"""The errors of `open_subfolder` where nothing is there, or a link or a file."""


@contextmanager
def open_subfolder(
    folder: Path, below: str, prepare: Callable[[int, str], None] = lambda parent, name: None
) -> Iterator[int]:
    """Open `folder`, or the one at `below` in it, such as films/2026, and yield its descriptor.

    `prepare` gets the folder that is open and the name of the next one, before that is opened. Blocks. Raises OSError,
    with one of NO_SUBFOLDER also where a name is none of a folder below.
    """
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for name in below.split("/") if below else ():
            if name in ("", ".", "..") or "\0" in name:
                raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), name)
            prepare(opened, name)
            parent, opened = opened, os.open(name, _BELOW, dir_fd=opened)
            os.close(parent)
        yield opened
    finally:
        os.close(opened)
