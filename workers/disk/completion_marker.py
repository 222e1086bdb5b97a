"""The end of a download, noted before it is done, so that a successor finishes instead of downloading twice."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from workers.disk.identity import FileIdentity


@dataclass(frozen=True, slots=True)
class CompletionMarker:
    """All bytes were on the disk, in the file of this identity; it was to be called `name`."""

    name: str
    identity: FileIdentity

    @classmethod
    def parse(cls, text: str | None) -> "CompletionMarker | None":
        """Return what `str` wrote; None for anything else."""
        try:
            fields = json.loads(text or "null")
            numbers = (int(fields["inode"]), int(fields["size"]), int(fields["modified_ns"]))
            return cls(str(fields["name"]), FileIdentity(*numbers, str(fields["probe"])))
        except (ValueError, KeyError, TypeError):
            return None

    def __str__(self) -> str:
        return json.dumps({"name": self.name, **asdict(self.identity)})

    def find_published(self, folder: Path, part: Path) -> Path | None:
        """Return the finished file under the name it got in `folder`, if it got one."""
        return next((path for path in self.identity.find(folder) if path != part), None)
