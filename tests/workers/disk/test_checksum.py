"""A digest is that of the file's bytes in their order, whoever brings them when."""

import hashlib
from pathlib import Path

import pytest

from workers.disk.checksum import Digest
from workers.disk.part_file import PartFile
from workers.errors import ChecksumMismatch

CONTENT = bytes(range(256)) * 20
RIGHT = f"sha256:{hashlib.sha256(CONTENT).hexdigest()}"


async def test_what_comes_out_of_its_turn_is_left_out_and_caught_up_with(tmp_path: Path) -> None:
    (tmp_path / "p").write_bytes(CONTENT)
    digest = Digest(RIGHT)
    digest.follow(CONTENT[:1000], 0)
    digest.follow(CONTENT[2000:3000], 2000)
    digest.follow(CONTENT[:1000], 0)
    digest.follow(CONTENT[1000:1500], 1000)
    async with PartFile(tmp_path / "p", 1) as file:
        await digest.catch_up(file, len(CONTENT))
    digest.check()


async def test_a_file_that_is_too_short_has_another_one(tmp_path: Path) -> None:
    (tmp_path / "p").write_bytes(CONTENT[:-1])
    digest = Digest(RIGHT)
    async with PartFile(tmp_path / "p", 1) as file:
        await digest.catch_up(file, len(CONTENT))
    with pytest.raises(ChecksumMismatch):
        digest.check()


def test_started_anew_it_knows_nothing_of_what_was() -> None:
    digest = Digest(RIGHT)
    digest.follow(b"another version", 0)
    digest.restart()
    digest.follow(CONTENT, 0)
    digest.check()
