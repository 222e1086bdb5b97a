"""A part file is always a true beginning of the file: whatever fails, whoever else has it open."""

import asyncio
import errno
import os
import random
import resource
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.conditions import until
from tests.fetching import Download
from tests.scripted_server import Server, honest
from workers.block import Block
from workers.disk.part_file import PartFile, adopt, size_of
from workers.disk.writer import Writer
from workers.errors import PartFileChanged
from workers.http.exchange import MAX_BUFFER_BYTES
from workers.http.response import RemoteFile

Buffer = bytes | memoryview
CURL_TURN_BYTES = 11 * 128 * 1024  # which libcurl reads in one turn of the loop, at most
CONTENT = random.Random(7).randbytes(12 * MAX_BUFFER_BYTES + 123)


class Disk:
    """os.pwritev, which can be held and counts what it wrote."""

    def __init__(self) -> None:
        self.go_on = threading.Event()
        self.go_on.set()
        self.started = 0
        self.written = 0
        self._pwritev = os.pwritev

    def pwritev(self, file: int, pieces: list[Buffer], at: int) -> int:
        self.started += 1
        assert self.go_on.wait(20)
        written = self._pwritev(file, [memoryview(b"".join(pieces))[:50_000]], at)  # a short write, as POSIX allows
        self.written += written
        return written


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Iterator[Disk]:
    made = Disk()
    monkeypatch.setattr(os, "pwritev", made.pwritev)
    yield made
    made.go_on.set()


async def test_what_is_written_in_pieces_of_any_size_is_there_in_order(tmp_path: Path, disk: Disk) -> None:
    dice, at = random.Random(8), 0
    async with PartFile(tmp_path / "p", 0) as file, Writer(file, 0, lambda: None) as writer:
        while at < len(CONTENT):
            block, size = Block(), dice.choice([1, 5_000, 400_000])
            while size > 0 and at < len(CONTENT):
                piece = CONTENT[at : at + min(size, dice.choice([1, 3_000, 16_384, 300_000]))]
                block.append(piece)
                at, size = at + len(piece), size - len(piece)
            await writer.write(block)
    assert (tmp_path / "p").read_bytes() == CONTENT


async def test_a_cancellation_waits_for_the_write_in_flight_however_often_it_comes(
    server: Server, download: Download, disk: Disk
) -> None:
    disk.go_on.clear()
    task = asyncio.create_task(download.fetch(server.at("/f", honest(CONTENT))))
    await until(lambda: disk.started == 1)
    for _ in range(3):
        task.cancel()
        for _ in range(10):
            await asyncio.sleep(0)
        assert not task.done()
    disk.go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert download.told[-1][0] <= download.part.stat().st_size
    assert CONTENT.startswith(download.part.read_bytes())
    assert open_files(download.part) == 0


async def test_a_cancelled_download_keeps_every_byte_that_was_told_and_continues(
    server: Server, download: Download
) -> None:
    async def stop_half_way(request: object, writer: asyncio.StreamWriter) -> None:
        await honest(CONTENT, cut_after=len(CONTENT) // 2)(server.requests[-1], writer)
        await asyncio.Event().wait()

    url = server.at("/f", stop_half_way, honest(CONTENT))
    task = asyncio.create_task(download.fetch(url))
    await until(lambda: bool(download.told) and download.told[-1][0] == len(CONTENT) // 2)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert download.part.read_bytes() == CONTENT[: len(CONTENT) // 2]
    await download.fetch(url)
    assert download.part.read_bytes() == CONTENT


async def test_while_the_disk_is_slow_no_more_than_two_blocks_are_held(
    server: Server, download: Download, disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = received = 0
    real = Writer.write

    async def write(self: Writer, block: Block) -> None:
        nonlocal held, received
        received += len(block)
        held = max(held, received - disk.written)
        await real(self, block)

    monkeypatch.setattr(Writer, "write", write)
    disk.go_on.clear()
    task = asyncio.create_task(download.fetch(server.at("/f", honest(CONTENT))))
    await until(lambda: disk.started == 1)
    for _ in range(2000):  # as many turns as the rest of the file would need to arrive many times over
        await asyncio.sleep(0)
    disk.go_on.set()
    await task
    assert held <= 2 * MAX_BUFFER_BYTES + 2 * CURL_TURN_BYTES
    assert download.part.read_bytes() == CONTENT


async def test_a_full_disk_leaves_a_true_beginning(server: Server, download: Download) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2_500_000, hard))
    try:
        with pytest.raises(OSError, match="File too large") as caught:
            await download.fetch(server.at("/f", honest(CONTENT)))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert caught.value.errno == errno.EFBIG
    assert download.part.read_bytes() == CONTENT[:2_500_000]
    assert open_files(download.part) == 0


async def test_after_a_failed_write_the_next_one_leaves_no_hole(
    server: Server, download: Download, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, calls = os.pwritev, 0

    def fail_once(file: int, pieces: list[Buffer], at: int) -> int:
        nonlocal calls
        calls += 1
        if calls == 2:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(file, pieces, at)

    monkeypatch.setattr(os, "pwritev", fail_once)
    url = server.at("/f", honest(CONTENT))
    with pytest.raises(OSError, match="No space left"):
        await download.fetch(url)
    assert CONTENT.startswith(download.part.read_bytes())
    await download.fetch(url)
    assert download.part.read_bytes() == CONTENT


async def test_a_cancellation_is_not_hidden_by_a_disk_that_fails_on_the_way_out(
    server: Server, download: Download, monkeypatch: pytest.MonkeyPatch
) -> None:
    failures = 0

    def fail(file: int, pieces: list[Buffer], at: int) -> int:
        nonlocal failures
        failures += 1
        raise OSError(errno.EIO, "Input/output error")

    async def first_bytes_only(request: object, writer: asyncio.StreamWriter) -> None:
        await honest(CONTENT, cut_after=1000)(server.requests[-1], writer)
        await asyncio.Event().wait()

    monkeypatch.setattr(os, "pwritev", fail)
    task = asyncio.create_task(download.fetch(server.at("/f", first_bytes_only)))
    await until(lambda: failures > 0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert open_files(download.part) == 0


async def test_all_bytes_are_synced_before_fetch_returns(
    server: Server, download: Download, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, synced = os.fsync, []

    def fsync(file: int) -> None:
        synced.append(os.fstat(file).st_size)
        real(file)

    monkeypatch.setattr(os, "fsync", fsync)
    await download.fetch(server.at("/f", honest(CONTENT)))
    assert synced[-1] == len(CONTENT)


async def test_a_disk_that_can_not_sync_fails_the_download(
    server: Server, download: Download, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fsync(file: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(OSError, match="Input/output error"):
        await download.fetch(server.at("/f", honest(CONTENT)))


async def test_starting_over_never_touches_the_file_that_a_successor_adopted(
    server: Server, download: Download, tmp_path: Path
) -> None:
    """The successor's rename comes while the stale owner waits for its answer."""
    adopted = tmp_path / "file.part.2-b"

    async def adopt_first(request: object, writer: asyncio.StreamWriter) -> None:
        download.part.rename(adopted)
        await honest(CONTENT, '"v2"')(server.requests[-1], writer)

    await download.holding(b"old", RemoteFile('"v1"', 10)).fetch(server.at("/f", adopt_first))
    assert adopted.read_bytes() == b"old"
    assert download.part.read_bytes() == CONTENT


async def test_starting_over_leaves_alone_what_was_published_just_before_a_crash(
    server: Server, download: Download, tmp_path: Path
) -> None:
    """After the link and before the unlink, the part file and the file are one."""
    download.part.write_bytes(b"published")
    os.link(download.part, tmp_path / "file.bin")
    await download.fetch(server.at("/f", honest(CONTENT)))
    assert (tmp_path / "file.bin").read_bytes() == b"published"
    assert download.part.read_bytes() == CONTENT


async def test_a_stale_owner_that_goes_on_writes_what_its_successor_writes(tmp_path: Path) -> None:
    stale_path, adopted = tmp_path / "p.1", tmp_path / "p.2"
    async with PartFile(stale_path, 0) as stale:
        stale.write(Block(CONTENT[:1000]), 0)
        stale_path.rename(adopted)
        async with PartFile(adopted, 0) as successor:
            successor.write(Block(CONTENT[:MAX_BUFFER_BYTES]), 0)
    assert adopted.read_bytes() == CONTENT[:MAX_BUFFER_BYTES]

    async with PartFile(adopted, 1000) as stale:
        adopted.rename(stale_path)
        async with PartFile(stale_path, MAX_BUFFER_BYTES) as successor:
            successor.write(Block(CONTENT[MAX_BUFFER_BYTES:]), MAX_BUFFER_BYTES)
        stale.write(Block(CONTENT[1000:5000]), 1000)
    assert stale_path.read_bytes() == CONTENT


async def test_a_part_file_that_was_cut_meanwhile_is_not_continued(tmp_path: Path) -> None:
    (tmp_path / "p").write_bytes(b"12345")
    with pytest.raises(PartFileChanged, match="p was changed by someone else"):
        async with PartFile(tmp_path / "p", 6):
            pass
    assert open_files(tmp_path / "p") == 0


@pytest.mark.parametrize("start", [0, 5])
async def test_a_link_in_the_place_of_the_part_file_is_not_followed(tmp_path: Path, start: int) -> None:
    outside, part = tmp_path / "outside", tmp_path / "p"
    outside.write_bytes(b"precious")
    part.symlink_to(outside)
    assert size_of(part) == size_of(tmp_path / "none") == 0
    with suppress(OSError):  # to begin anew in its place is as good as to fail
        async with PartFile(part, start) as file:
            file.write(Block(b"evil"), start)
    assert outside.read_bytes() == b"precious"


def open_files(path: Path) -> int:
    """How many descriptors of this process still point at `path`."""
    held = 0
    for link in Path("/dev/fd").iterdir():
        with suppress(OSError):  # the listing's own descriptor is closed by now
            held += os.path.samestat(link.stat(), path.stat())
    return held


async def test_a_part_file_that_an_owner_still_has_open_is_adopted_as_a_copy_which_that_owner_can_not_change(
    tmp_path: Path,
) -> None:
    async with PartFile(tmp_path / "stale", 0) as stale:
        stale.write(Block(b"abc"), 0)
        adopt(tmp_path / "stale", tmp_path / "next")
        async with PartFile(tmp_path / "next", 3) as file:
            file.write(Block(b"def"), 3)
            identity = file.finish(1.0)
        stale.write(Block(b"def"), 3)
    assert identity.matches(tmp_path / "next")
    adopt(tmp_path / "next", tmp_path / "last")
    assert identity.matches(tmp_path / "last")
    assert [path.name for path in tmp_path.iterdir()] == ["last"]
