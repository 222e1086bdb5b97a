"""The folder that workers download into, for reading: only what lies in it, and only regular files."""

import errno
import os
import stat
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

# Following no link, inheriting to no child, and not waiting for who might write into a pipe.
_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK

# A link, a name that no file can have, and a socket.
_NO_FILE = frozenset({errno.ELOOP, errno.ENAMETOOLONG, errno.ENXIO})


@dataclass(slots=True)
class Folder:
    """`readers`: how many are being given a file of it now; each takes a descriptor beside that of its connection."""

    path: Path
    readers: int = 0


@dataclass(frozen=True, slots=True)
class OpenFile:
    """`descriptor`: the caller closes it. `etag`: strong, with its quotes; another file or other bytes have another."""

    descriptor: int
    name: str
    size: int
    etag: str


def open_file(folder: Path, path: str, size: int) -> OpenFile:
    """The file in `folder` that has the last name of `path`: where a worker says it is, its folder may be elsewhere.

    Raises FileNotFoundError unless there is a regular file of `size` bytes: the name may have gone to another file
    since. Raises NotADirectoryError where the folder is none, and other OSErrors where the file can't be read.
    """
    name = PurePosixPath(path).name
    if name in ("", "..") or "\0" in name:
        raise FileNotFoundError
    try:
        opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except FileNotFoundError as error:
        raise NotADirectoryError(errno.ENOTDIR, "there is no folder SIMULCAST_FILES_DIR here") from error
    try:
        descriptor = os.open(name, _FLAGS, dir_fd=opened)
    except OSError as error:
        if error.errno in _NO_FILE:
            raise FileNotFoundError from error
        raise
    finally:
        os.close(opened)
    found = os.fstat(descriptor)
    if not stat.S_ISREG(found.st_mode) or found.st_size != size:
        os.close(descriptor)
        raise FileNotFoundError
    return OpenFile(descriptor, name, size, f'"{found.st_ino:x}-{size:x}-{found.st_mtime_ns:x}"')
