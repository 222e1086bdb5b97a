"""Part files of one download: what an owner left is found by the next one, and nothing is left over."""

import asyncio
import time
from pathlib import Path

import pytest

from simulcast.errors import LeaseLost
from simulcast.jobs import Jobs
from simulcast.settings.worker import WorkerSettings
from tests.jobs import claim_job
from tests.scripted_server import Server, honest
from workers.errors import IncompleteBody
from workers.http.client import Client
from workers.transfer.downloader import Downloader
from workers.transfer.limits import WorkerLimits

CONTENT = bytes(100_000)


@pytest.fixture
def downloader(client: Client, jobs: Jobs, tmp_path: Path) -> Downloader:
    return Downloader(client, jobs, tmp_path, WorkerLimits.from_settings(WorkerSettings(), tmp_path, time.monotonic))


async def interrupted(jobs: Jobs, server: Server, downloader: Downloader, download_id: str) -> Path:
    """The part file of a download whose server broke off; it is queued again."""
    await jobs.submit(server.at("/f.bin", honest(CONTENT, cut_after=60_000), honest(CONTENT)), download_id)
    claim = await claim_job(jobs)
    with pytest.raises(IncompleteBody):
        await downloader.run(claim)
    await jobs.finish(claim, "queued", {}, None)
    return Path(f"{download_id}.part.{claim.token}")


async def test_cancelled_while_it_takes_over_it_says_where_the_part_file_is(
    server: Server, jobs: Jobs, downloader: Downloader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = await interrupted(jobs, server, downloader, "d1")
    assert (tmp_path / before).exists()
    claim = await claim_job(jobs)
    rename = Path.rename

    def slow(path: Path, target: Path) -> Path:
        loop.call_soon_threadsafe(renaming.set)
        time.sleep(0.05)
        return rename(path, target)

    loop, renaming = asyncio.get_running_loop(), asyncio.Event()
    monkeypatch.setattr(Path, "rename", slow)
    carrying = asyncio.create_task(downloader.run(claim))
    await renaming.wait()
    carrying.cancel()
    with pytest.raises(asyncio.CancelledError):
        await carrying
    fields = downloader.part_file_fields(claim)
    assert (fields["part"], fields["etag"]) == (f"d1.part.{claim.token}", '"v1"')
    assert [path.name for path in tmp_path.iterdir()] == [f"d1.part.{claim.token}"]


async def test_what_other_owners_left_without_telling_is_removed_by_the_next(
    server: Server, jobs: Jobs, downloader: Downloader, tmp_path: Path
) -> None:
    await interrupted(jobs, server, downloader, "d1")
    (tmp_path / "d1.part.1-dead").write_bytes(b"an owner killed between its two steps")
    foreign = ["d1.part.1-dead.part.1-a", "d12.part.1-a", "d1.part.", "notes.txt"]
    for name in foreign:
        (tmp_path / name).write_bytes(b"somebody else's")
    await downloader.run(await claim_job(jobs))
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([*foreign, "f.bin"])
    assert (tmp_path / "f.bin").read_bytes() == CONTENT
    assert "range" in server.requests[1].headers


async def test_a_stale_owner_that_only_now_begins_leaves_its_successors_part_file_alone(
    server: Server, jobs: Jobs, downloader: Downloader, tmp_path: Path
) -> None:
    await jobs.submit(server.at("/f.bin", honest(CONTENT)), "d1")
    stale = await claim_job(jobs)
    await jobs.finish(stale, "queued", {}, None)
    successor = tmp_path / f"d1.part.{(await claim_job(jobs)).token}"
    successor.write_bytes(b"what it has so far")
    with pytest.raises(LeaseLost):
        await downloader.run(stale)
    assert successor.read_bytes() == b"what it has so far"


async def test_where_nothing_was_written_nothing_is_said_of_it(
    server: Server, jobs: Jobs, downloader: Downloader, tmp_path: Path
) -> None:
    await jobs.submit(server.at("/f.bin", honest(CONTENT)), "d1")
    assert downloader.part_file_fields(await claim_job(jobs)) == {}
