"""Downloads into a folder below the download folder, by a real worker's downloader."""

import asyncio
import json
from pathlib import Path

import pytest

from simulcast.broker import Broker
from simulcast.jobs import Jobs
from simulcast.model.commands import Command
from simulcast.model.download_options import DownloadOptions
from tests.jobs import claim_job, history
from tests.part_files import CONTENT, completed
from tests.scripted_server import Server, honest
from workers.disk.identity import FileIdentity
from workers.disk.publish import publish
from workers.errors import SubfolderRefused
from workers.transfer.downloader import Downloader

FOLDER = "films/2026"
FILMS = DownloadOptions(folder=FOLDER)


class Crash(Exception):
    """The worker dies: it does nothing more."""


def listing(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


async def delete_with_file(jobs: Jobs, downloader: Downloader, download_id: str) -> None:
    assert await jobs.command(Command("delete", download_id, with_file=True)) is None
    await downloader.remove_orphans("w1")
    assert await jobs.orphaned_files("w1") == ()


async def test_a_file_lies_in_its_folder_is_told_of_there_and_leaves_the_folder_when_it_is_deleted(
    server: Server, jobs: Jobs, broker: Broker, downloader: Downloader, tmp_path: Path
) -> None:
    record = await jobs.submit(server.at("/f.bin", honest(CONTENT)), "d1", options=FILMS)
    assert (record.folder, record.file_path) == (FOLDER, None)
    await downloader.run(await claim_job(jobs))
    assert listing(tmp_path) == ["films", FOLDER, f"{FOLDER}/f.bin"]
    assert (tmp_path / FOLDER / "f.bin").read_bytes() == CONTENT
    record_after = await jobs.get("d1")
    assert (record_after.folder, record_after.file_path) == (FOLDER, f"{tmp_path}/{FOLDER}/f.bin")
    assert (await history(broker, jobs.channel))[-1]["file_path"] == record_after.file_path
    await delete_with_file(jobs, downloader, "d1")
    assert listing(tmp_path) == ["films", FOLDER]


async def test_a_name_that_is_made_safe_is_the_one_that_is_told(
    server: Server, jobs: Jobs, downloader: Downloader, tmp_path: Path
) -> None:
    await completed(jobs, downloader, server.at("/f.bin", honest(CONTENT)), "d1", "films: new /con")
    assert (await jobs.get("d1")).folder == "films_ new/_con"
    assert (tmp_path / "films_ new/_con/f.bin").exists()


async def test_another_folder_is_another_download_and_the_same_one_is_not(jobs: Jobs) -> None:
    url = "http://example.com/a"
    assert not (await jobs.submit(url, unless_same=True)).existing
    assert not (await jobs.submit(url, unless_same=True, options=FILMS)).existing
    assert (await jobs.submit(url, unless_same=True, options=FILMS)).existing


@pytest.mark.parametrize("step", ["before the file is published", "after the file was published"])
async def test_a_worker_that_dies_at_the_end_leaves_a_file_that_the_next_one_completes_in_its_folder(
    server: Server, jobs: Jobs, downloader: Downloader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    def die(part: Path, folder: Path, name: str, identity: FileIdentity, below: str) -> Path:
        if step.startswith("after"):
            publish(part, folder, name, identity, below)
        raise Crash

    await jobs.submit(server.at("/f.bin", honest(CONTENT)), "d1", options=FILMS)
    claim = await claim_job(jobs)
    with monkeypatch.context() as patch:
        patch.setattr("workers.transfer.downloader.publish", die)
        with pytest.raises(Crash):
            await downloader.run(claim)
    await jobs.finish(claim, "queued", {}, None)
    await downloader.run(await claim_job(jobs))
    record = await jobs.get("d1")
    assert (record.state, record.folder) == ("complete", FOLDER)
    assert listing(tmp_path) == ["films", FOLDER, f"{FOLDER}/f.bin"]
    assert len(server.requests) == 1, "it was downloaded twice"


async def test_what_is_cancelled_when_its_file_is_there_already_leaves_the_folder_alone(
    server: Server, jobs: Jobs, downloader: Downloader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def lost(*_: object, **__: object) -> None:
        raise Crash

    await jobs.submit(server.at("/f.bin", honest(CONTENT)), "d1", options=FILMS)
    claim = await claim_job(jobs)
    with monkeypatch.context() as patch:
        patch.setattr("workers.transfer.downloader.report_end", lost)
        with pytest.raises(Crash):
            await downloader.run(claim)
    (tmp_path / "films/theirs").write_text("somebody's")
    await downloader.discard(claim)
    assert listing(tmp_path) == ["films", FOLDER, "films/theirs"]


async def test_a_link_in_the_way_fails_the_download_before_anything_is_asked_for(
    server: Server, jobs: Jobs, downloader: Downloader, tmp_path: Path
) -> None:
    outside = tmp_path.parent / f"{tmp_path.name}-outside"
    outside.mkdir()
    (tmp_path / "films").symlink_to(outside)
    with pytest.raises(SubfolderRefused):
        await completed(jobs, downloader, server.at("/f.bin", honest(CONTENT)), "d1", FOLDER)
    assert (server.requests, list(outside.iterdir())) == ([], [])


async def test_two_downloads_make_the_same_folder_and_get_two_names_in_it(
    server: Server, jobs: Jobs, downloader: Downloader, tmp_path: Path
) -> None:
    urls = [server.at(f"/{letter}/f.bin", honest(CONTENT)) for letter in "ab"]
    for url in urls:
        await jobs.submit(url, options=FILMS)
    await asyncio.gather(*[downloader.run(claim) for claim in (await claim_job(jobs), await claim_job(jobs))])
    assert listing(tmp_path / FOLDER) == ["f (1).bin", "f.bin"]


async def test_strays_and_the_files_of_other_downloads_below_stay(
    server: Server, jobs: Jobs, downloader: Downloader, tmp_path: Path
) -> None:
    await completed(jobs, downloader, server.at("/f.bin", honest(CONTENT)), "d1", FOLDER)
    await completed(jobs, downloader, server.at("/g.bin", honest(CONTENT)), "d2", FOLDER)
    await downloader.remove_strays([])
    await delete_with_file(jobs, downloader, "d1")
    assert listing(tmp_path) == ["films", FOLDER, f"{FOLDER}/g.bin"]


async def test_a_channel_has_the_folder_below_its_own(
    server: Server, jobs: Jobs, downloader: Downloader, tmp_path: Path
) -> None:
    own = downloader.in_channel("team-7")
    await completed(own.jobs, own, server.at("/f.bin", honest(CONTENT)), "d1", FOLDER)
    record = await own.jobs.get("d1")
    path = tmp_path / "channels/team-7" / FOLDER / "f.bin"
    assert (record.folder, record.file_path, path.read_bytes()) == (FOLDER, str(path), CONTENT)


async def test_a_worker_that_knows_no_folders_puts_the_file_where_it_says(jobs: Jobs) -> None:
    await jobs.submit("http://example.com/a", "d1", options=FILMS)
    claim = await claim_job(jobs)
    marker = json.dumps({"name": "a", "inode": 1, "size": 1, "modified_ns": 1, "probe": ""})
    place = {"file_path": "/downloads/a"}
    await jobs.finish(claim, "complete", {"finishing": marker, **place}, place)
    record = await jobs.get("d1")
    assert (record.state, record.file_path, record.folder) == ("complete", "/downloads/a", None)
