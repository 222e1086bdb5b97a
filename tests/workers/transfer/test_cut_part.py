"""A part file that someone cuts while it is written never ends as a whole file with a hole."""

import asyncio
import hashlib
import os

import pytest

from tests.conditions import until
from tests.fetching import Download
from tests.scripted_server import Server, honest, ranged
from tests.workers.transfer.segments import CONTENT, fetch_options, slow
from workers.block import Block
from workers.disk.checksum import Digest
from workers.disk.identity import FileIdentity
from workers.disk.part_file import PartFile
from workers.errors import PartFileChanged

pytestmark = pytest.mark.usefixtures("short_segments")


@pytest.mark.parametrize("size", [0, 1_000], ids=["emptied", "cut"])
@pytest.mark.parametrize("connections", [1, 4])
@pytest.mark.parametrize("is_verified", [False, True], ids=["plain", "with a checksum"])
async def test_a_part_file_that_is_cut_while_it_is_written_is_noticed_and_made_again(
    server: Server, download: Download, size: int, connections: int, is_verified: bool
) -> None:
    checksum = f"sha256:{hashlib.sha256(CONTENT).hexdigest()}"
    digest = Digest(checksum) if is_verified else None
    fetching = asyncio.create_task(download.fetch(server.at("/f", slow()), fetch_options(connections, digest=digest)))
    await until(lambda: download.told and download.told[-1][0] > 300_000, "some bytes")
    os.truncate(download.part, size)
    with pytest.raises(PartFileChanged):
        await fetching
    again = fetch_options(connections, digest=Digest(checksum) if is_verified else None)
    await download.fetch(server.at("/f", ranged(CONTENT)), again)
    assert download.part.read_bytes() == CONTENT


@pytest.mark.parametrize("connections", [1, 4])
async def test_a_part_file_that_is_cut_behind_its_last_byte_is_noticed(
    server: Server, download: Download, monkeypatch: pytest.MonkeyPatch, connections: int
) -> None:
    finish = PartFile.finish

    def cut_and_finish(file: PartFile, modified_s: float | None, last: Block | None, at: int) -> FileIdentity:
        os.truncate(file.path, 10)
        return finish(file, modified_s, last, at)

    monkeypatch.setattr(PartFile, "finish", cut_and_finish)
    reply = slow() if connections > 1 else honest(CONTENT)
    with pytest.raises(PartFileChanged):
        await download.fetch(server.at("/f", reply), fetch_options(connections))
