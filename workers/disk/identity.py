"""By what a file is recognised under any name: a name alone may be another file's by now, and an inode is reused."""

import hashlib
import os
import stat
from dataclasses import dataclass
from pathlib import Path

_PROBE_BYTES = 64 * 1024  # of the beginning and of the end


@dataclass(frozen=True, slots=True)
class FileIdentity:
    """`probe`: a digest of the file's beginning and end, which a file that was given the same inode does not share."""

    inode: int
    size: int
    modified_ns: int
    probe: str

    @classmethod
    def of_descriptor(cls, file: int) -> "FileIdentity":
        """Raises OSError."""
        status = os.fstat(file)
        ends = os.pread(file, _PROBE_BYTES, 0) + os.pread(file, _PROBE_BYTES, max(0, status.st_size - _PROBE_BYTES))
        return cls(status.st_ino, status.st_size, status.st_mtime_ns, hashlib.sha256(ends).hexdigest()[:32])

    def is_of(self, status: os.stat_result) -> bool:
        """Return whether it is that of a regular file with this status, whose bytes are not looked at."""
        stated = (status.st_ino, status.st_size, status.st_mtime_ns)
        return stat.S_ISREG(status.st_mode) and stated == (self.inode, self.size, self.modified_ns)

    def matches(self, path: Path | str, folder: int | None = None) -> bool:
        """Return whether `path`, of the open `folder` where it is relative, is that file, unchanged. Blocks."""
        try:
            if not self.is_of(os.stat(path, dir_fd=folder, follow_symlinks=False)):
                return False
            file = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
        except OSError:
            return False
        try:
            return FileIdentity.of_descriptor(file) == self
        except OSError:
            return False
        finally:
            os.close(file)


def names_by_inode(folder: int) -> dict[int, list[str]]:
    """Return the names in an open folder by inode. Blocks. Raises OSError."""
    names: dict[int, list[str]] = {}
    with os.scandir(folder) as entries:
        for entry in entries:
            names.setdefault(entry.inode(), []).append(entry.name)
    return names
