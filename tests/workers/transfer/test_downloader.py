"""Part files of one download: what an owner left is found by the next one, and nothing is left over."""

import asyncio
import os
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from simulcast.errors import LeaseLost
from simulcast.jobs import Jobs
from simulcast.model.commands import Command
from simulcast.store.functions import Function
from tests.jobs import claim_job, orphan_hosts
from tests.part_files import CONTENT, completed, interrupt_download
from tests.scripted_server import Server, honest
from workers.disk.identity import FileIdentity
from workers.disk.publish import publish
from workers.errors import IncompleteBody, PartFileChanged
from workers.transfer.downloader import Downloader


async def test_cancelled_while_it_takes_over_it_says_where_the_part_file_is(
    server: Server, jobs: Jobs, downloader: Downloader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = await interrupt_download(jobs, server, downloader, "d1")
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
    await interrupt_download(jobs, server, downloader, "d1")
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


async def test_a_worker_that_loses_its_lease_removes_the_part_file_that_no_record_names(
    server: Server, jobs: Jobs, downloader: Downloader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def never_answered(*_: object) -> None:
        saving.set()
        await asyncio.Event().wait()

    saving = asyncio.Event()
    await jobs.submit(server.at("/f.bin", honest(CONTENT)), "d1")
    claim = await claim_job(jobs)
    with monkeypatch.context() as patch:
        patch.setattr(jobs, "save", never_answered)
        carrying = asyncio.create_task(downloader.run(claim))
        await saving.wait()
        carrying.cancel()
        with pytest.raises(asyncio.CancelledError):
            await carrying
    assert (tmp_path / f"d1.part.{claim.token}").exists()
    downloader.remove_unrecorded(claim)
    assert not list(tmp_path.iterdir())


async def test_a_part_file_that_the_record_names_outlives_a_lost_lease(
    server: Server, jobs: Jobs, downloader: Downloader, tmp_path: Path
) -> None:
    await jobs.submit(server.at("/f.bin", honest(CONTENT, cut_after=60_000)), "d1")
    claim = await claim_job(jobs)
    with pytest.raises(IncompleteBody):
        await downloader.run(claim)
    downloader.remove_unrecorded(claim)
    assert [path.name for path in tmp_path.iterdir()] == [f"d1.part.{claim.token}"]


async def delete_with_file(jobs: Jobs, downloader: Downloader, download_id: str) -> None:
    assert await jobs.command(Command("delete", download_id, with_file=True)) is None
    assert await jobs.orphaned_files("w1")
    await downloader.remove_orphans("w1")
    assert await jobs.orphaned_files("w1") == ()


async def test_a_file_is_deleted_under_whatever_name_it_has_by_now(
    server: Server, jobs: Jobs, downloader: Downloader, tmp_path: Path
) -> None:
    await completed(jobs, downloader, server.at("/f.bin", honest(CONTENT)), "d1")
    (tmp_path / "f.bin").rename(tmp_path / "moved.bin")
    await delete_with_file(jobs, downloader, "d1")
    assert list(tmp_path.iterdir()) == []


async def test_another_file_that_has_taken_over_the_name_is_not_deleted(
    server: Server, jobs: Jobs, downloader: Downloader, tmp_path: Path
) -> None:
    await completed(jobs, downloader, server.at("/f.bin", honest(CONTENT)), "d1")
    (tmp_path / "f.bin").unlink()
    (tmp_path / "f.bin").write_bytes(b"y" * len(CONTENT))  # ext4 gives it the inode that was just freed
    await delete_with_file(jobs, downloader, "d1")
    assert (tmp_path / "f.bin").read_bytes() == b"y" * len(CONTENT)


async def test_a_folder_in_the_place_of_a_file_stops_nothing(
    server: Server, jobs: Jobs, downloader: Downloader, tmp_path: Path
) -> None:
    await completed(jobs, downloader, server.at("/folder", honest(CONTENT)), "d1")
    await completed(jobs, downloader, server.at("/f.bin", honest(CONTENT)), "d2")
    (tmp_path / "folder").unlink()
    (tmp_path / "folder").mkdir()
    for download_id in ("d1", "d2"):
        assert await jobs.command(Command("delete", download_id, with_file=True)) is None
    await downloader.remove_orphans("w1")
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


async def test_files_of_a_host_that_is_gone_are_removed_where_they_lie_and_nowhere_else(
    server: Server, jobs: Jobs, downloader: Downloader, tmp_path: Path
) -> None:
    await completed(jobs, downloader, server.at("/f.bin", honest(CONTENT)), "d1")
    assert await jobs.command(Command("delete", "d1", with_file=True)) is None
    elsewhere = tmp_path.parent / f"{tmp_path.name}-elsewhere"
    elsewhere.mkdir()
    (tmp_path / "f.bin").rename(elsewhere / "f.bin")
    await downloader.remove_strays(await orphan_hosts(jobs))
    assert (await orphan_hosts(jobs), len(await jobs.orphaned_files("w1"))) == (["w1"], 1)
    (elsewhere / "f.bin").rename(tmp_path / "f.bin")
    await downloader.remove_strays(await orphan_hosts(jobs))
    assert (await orphan_hosts(jobs), list(tmp_path.iterdir())) == ([], [])


async def test_part_files_that_no_record_names_are_removed_after_a_while(
    server: Server, jobs: Jobs, downloader: Downloader, tmp_path: Path
) -> None:
    mine = await interrupt_download(jobs, server, downloader, "d1")
    await jobs.save(claim := await claim_job(jobs), {"part": mine.name})
    await jobs.finish(claim, "queued", {}, None)
    names = ("gone.part.3-a", "d1.part.1-dead", "young.part.1-a", "notes.txt")
    for name in names:
        (tmp_path / name).write_bytes(b"x")
    for path in tmp_path.iterdir():
        if path.name != "young.part.1-a":
            os.utime(path, (0, 0))
    await downloader.remove_strays(await orphan_hosts(jobs))
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(["notes.txt", "young.part.1-a", mine.name])


async def test_a_file_that_is_moved_as_soon_as_it_is_there_is_complete(
    server: Server, jobs: Jobs, downloader: Downloader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def publish_and_move(part: Path, folder: Path, name: str, identity: FileIdentity, below: str) -> Path:
        path = publish(part, folder, name, identity, below)
        path.rename(folder / "moved")
        return path

    monkeypatch.setattr("workers.transfer.downloader.publish", publish_and_move)
    await completed(jobs, downloader, server.at("/f.bin", honest(CONTENT)), "d1")
    assert (await jobs.get("d1")).state == "complete"


@pytest.mark.parametrize("change", ["replaced", "emptied", "removed"])
async def test_a_part_file_that_was_changed_is_not_published(
    server: Server, jobs: Jobs, downloader: Downloader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    def change_first(part: Path, folder: Path, name: str, identity: FileIdentity, below: str) -> Path:
        if change != "emptied":
            part.unlink()
        if change != "removed":
            part.write_bytes(b"z" * len(CONTENT) if change == "replaced" else b"")
        return publish(part, folder, name, identity, below)

    monkeypatch.setattr("workers.transfer.downloader.publish", change_first)
    with pytest.raises(PartFileChanged):
        await completed(jobs, downloader, server.at("/f.bin", honest(CONTENT)), "d1")
    assert not (tmp_path / "f.bin").exists()


async def test_a_file_gets_the_time_of_its_last_change_on_the_server(
    server: Server, jobs: Jobs, downloader: Downloader, tmp_path: Path
) -> None:
    dated = honest(CONTENT, headers={"Last-Modified": "Tue, 24 Nov 2020 12:00:00 GMT"})
    await completed(jobs, downloader, server.at("/f.bin", dated), "d1")
    assert (tmp_path / "f.bin").stat().st_mtime == 1606219200


async def test_no_finished_file_is_called_like_a_part_file(
    server: Server, jobs: Jobs, downloader: Downloader, tmp_path: Path
) -> None:
    await completed(jobs, downloader, server.at("/d2.part.1-a", honest(CONTENT)), "d1")
    await completed(jobs, downloader, server.at("/f", honest(CONTENT)), "d2")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["d2_part.1-a", "f"]


async def test_a_small_file_takes_three_calls_to_redis_and_three_steps_of_the_disk(
    server: Server, jobs: Jobs, downloader: Downloader, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls, steps = list[str](), list[str]()
    send, submit = Jobs._send, ThreadPoolExecutor.submit

    async def noted_call(self: Jobs, function: Function, *args: Any) -> object:
        calls.append(function)
        return await send(self, function, *args)

    def noted_step(self: ThreadPoolExecutor, step: Callable[..., object], *args: Any) -> Future[object]:
        steps.append(step.__name__)
        return submit(self, step, *args)

    await jobs.submit(server.at("/f.bin", honest(CONTENT[:1_000_000])), "d1")
    monkeypatch.setattr(Jobs, "_send", noted_call)
    monkeypatch.setattr(ThreadPoolExecutor, "submit", noted_step)
    await downloader.run(await claim_job(jobs))
    assert calls == ["claim", "report_event", "report_event"]
    assert steps == ["_open", "finish", "publish"]
