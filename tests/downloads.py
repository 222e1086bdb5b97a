"""A file to download, and a look at what a worker made of it."""

import hashlib
import random
from pathlib import Path

LEASE = {"SIMULCAST_LEASE_S": "2"}

CONTENT = random.Random(2).randbytes(4_000_000)

PAST_A_WRITE = 1_500_000  # a worker writes in blocks of 1 MiB


def only_file(tmp_path: Path, folder: str = ".") -> Path:
    """Return the only file of the downloads, which is in that folder below."""
    found = [path for path in (tmp_path / "downloads").rglob("*") if not path.is_dir()]
    assert [path.parent for path in found] == [tmp_path / "downloads" / folder], found
    return found[0]


def is_right(path: Path, content: bytes = CONTENT) -> bool:
    return hashlib.sha256(path.read_bytes()).digest() == hashlib.sha256(content).digest()
