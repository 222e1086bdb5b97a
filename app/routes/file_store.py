"""The folder that workers download into, for reading: only what lies in it, and only regular files."""

import errno
import os
import stat
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from app.routes.places import Places
from simulcast.subfolder import NO_SUBFOLDER, open_subfolder

MAX_READERS = 100  # fewer than the descriptors that app.server.connection_limits reserves
MAX_READERS_PER_ADDRESS = 25
# Follow no link, pass no descriptor to a child, and do not wait for a writer of a pipe.
_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK

# A link, a name that no file can have, something that is no folder, and a socket.
_NO_FILE = NO_SUBFOLDER | {errno.ENXIO}


@dataclass(slots=True)
class Folder:
    """`readers`: responses in progress; each has a descriptor besides that of its connection."""

    path: Path
    readers: Places = field(default_factory=lambda: Places(MAX_READERS, MAX_READERS_PER_ADDRESS))


@dataclass(frozen=True, slots=True)
class OpenFile:
    """`descriptor`: the caller closes it. `etag`: strong, with its quotes; another file or other bytes have another."""

    descriptor: int
    name: str
    size: int
    etag: str


def open_file(folder: Path, path: str, size: int, channel_folder: str = "", below: str = "") -> OpenFile:
    """Open the file in `folder` that has the last name of `path`: the worker may know the folder by another path.

    `channel_folder`: the channel's folder in that one, "" for itself. `below`: the file's folder in the channel's.
    Raises FileNotFoundError unless it is a regular file of `size` bytes, since another file may have the name by now.
    Raises NotADirectoryError where the folder is none, and other OSErrors where the file can't be read.
    """
    name = PurePosixPath(path).name
    if name in ("", "..") or "\0" in name:
        raise FileNotFoundError
    try:
        with open_subfolder(folder / channel_folder, below) as directory:
            descriptor = os.open(name, _FLAGS, dir_fd=directory)
    except OSError as error:
        if not folder.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, "there is no folder SIMULCAST_FILES_DIR here") from error
        if error.errno in _NO_FILE:
            raise FileNotFoundError from error
        raise
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode) or status.st_size != size:
        os.close(descriptor)
        raise FileNotFoundError
    return OpenFile(descriptor, name, size, f'"{status.st_ino:x}-{size:x}-{status.st_mtime_ns:x}"')
