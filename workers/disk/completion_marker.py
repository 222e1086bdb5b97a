"""The end of a download, noted before it is done, so that a successor finishes instead of downloading twice."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from simulcast.subfolder import NO_SUBFOLDER, open_subfolder
from workers.disk.identity import FileIdentity, names_by_inode


@dataclass(frozen=True, slots=True)
class CompletionMarker:
    """All bytes were on the disk, in the file of this identity; it was to be called `name`.

    `folder`: of that name, below the download folder; "" for itself.
    """

    name: str
    identity: FileIdentity
    folder: str = ""

    @classmethod
    def parse(cls, text: str | None) -> "CompletionMarker | None":
        """Return what `str` wrote; None for anything else."""
        try:
            fields = json.loads(text or "null")
            numbers = (int(fields["inode"]), int(fields["size"]), int(fields["modified_ns"]))
            folder = "/".join(map(str, fields.get("folder", ())))
            return cls(str(fields["name"]), FileIdentity(*numbers, str(fields["probe"])), folder)
        except (ValueError, KeyError, TypeError, AttributeError):
            return None

    def __str__(self) -> str:
        # lua/deletions.lua ends a name of a file by a slash, and the text is one of those.
        folder = {"folder": self.folder.split("/")} if self.folder else {}
        return json.dumps({"name": self.name, **asdict(self.identity), **folder})

    def names_in(self, folder: int, names: Mapping[int, Iterable[str]]) -> list[str]:
        """Return those of the names in an open folder, given by inode, that the file has. Blocks."""
        return [name for name in names.get(self.identity.inode, ()) if self.identity.matches(name, folder)]

    def find_published(self, folder: Path, part: Path) -> Path | None:
        """Return the finished file under the name it got below `folder`, if it got one. Blocks. Raises OSError."""
        try:
            with open_subfolder(folder, self.folder) as opened:
                names = self.names_in(opened, names_by_inode(opened))
        except OSError as error:
            if self.folder and error.errno in NO_SUBFOLDER:
                return None
            raise
        paths = (folder / self.folder / name for name in names)
        return next((path for path in paths if path != part), None)
