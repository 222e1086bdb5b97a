"""The download folder: each finished file is that of one download, and each part file is named by a record."""

import hashlib
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

_PART = re.compile(r".*\.part\.[0-9]+-[0-9a-f]+")
_LONG_AGO_S = 3600.0


@dataclass(frozen=True, slots=True)
class Folder:
    """`finished`: the paths of whole files, by the digest of their bytes. `parts`: names of part files."""

    finished: Mapping[str, tuple[Path, ...]]
    parts: frozenset[str]


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def scan(folder: Path) -> Folder:
    """Read the whole folder."""
    finished: dict[str, tuple[Path, ...]] = {}
    parts: set[str] = set()
    for path in sorted(folder.iterdir()):
        try:
            if _PART.fullmatch(path.name):
                parts.add(path.name)
            else:
                key = digest(path.read_bytes())
                finished[key] = (*finished.get(key, ()), path)
        except FileNotFoundError:  # removed meanwhile
            continue
    return Folder(finished, frozenset(parts))


def make_old(folder: Path, names: frozenset[str]) -> None:
    """Let files seem to have been written long ago."""
    for name in names:
        try:
            modified_s = (folder / name).stat().st_mtime
            os.utime(folder / name, (modified_s - _LONG_AGO_S, modified_s - _LONG_AGO_S))
        except FileNotFoundError:
            continue
