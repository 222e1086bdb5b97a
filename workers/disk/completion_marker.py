"""The end of a download, noted before it is done, so that whoever comes next finishes instead of downloading twice.

A file keeps its inode when it is linked and renamed, so size and inode tell whether a file in the folder is the part
file that was finished, whatever name it got. A digest would say the same and cost a second reading of the whole file.
"""

import json
import os
import stat
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class CompletionMarker:
    """All bytes were on the disk, in a file with this inode; it was to be called `name`."""

    name: str
    size: int
    inode: int

    @classmethod
    def of(cls, part: Path, name: str) -> "CompletionMarker":
        """Raises OSError if the part file is gone."""
        found = part.lstat()
        return cls(name, found.st_size, found.st_ino)

    @classmethod
    def parse(cls, text: str | None) -> "CompletionMarker | None":
        """What `str` wrote; None for anything else."""
        try:
            found = json.loads(text or "null")
            return cls(str(found["name"]), int(found["size"]), int(found["inode"]))
        except (ValueError, KeyError, TypeError):
            return None

    def __str__(self) -> str:
        return json.dumps(asdict(self))

    def matches(self, path: Path) -> bool:
        """Whether `path` is that file, whole."""
        try:
            found = path.lstat()
        except OSError:
            return False
        return stat.S_ISREG(found.st_mode) and (found.st_ino, found.st_size) == (self.inode, self.size)

    def published(self, folder: Path, part: Path) -> Path | None:
        """The finished file under the name it got in `folder`, if it got one."""
        with os.scandir(folder) as entries:
            for entry in entries:
                path = Path(entry.path)
                if entry.inode() == self.inode and path != part and self.matches(path):
                    return path
        return None
