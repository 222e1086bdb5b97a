"""Which files are removed, and which stay: drawn at random, and under every refusal of the file system."""

import os
import random
from pathlib import Path

import pytest

from simulcast.jobs import Jobs
from simulcast.model.commands import Command
from tests.jobs import claim_job, orphan_hosts
from tests.part_files import CONTENT, completed, identity_of, interrupt_download
from tests.scripted_server import Server, honest
from workers.disk.completion_marker import CompletionMarker
from workers.disk.publish import open_folder, publish
from workers.disk.removal import remove_orphans, remove_strays
from workers.transfer.downloader import Downloader
from workers.transfer.takeover import take_over

CHANGES = ["none", "renamed", "linked", "replaced", "rewritten", "touched", "cut", "grown", "symlink", "folder", "gone"]


@pytest.mark.parametrize("seed", [*range(8), pytest.param(None, id="random")])
def test_a_finished_file_is_removed_exactly_if_it_is_still_the_one_that_was_written(
    seed: int | None, tmp_path: Path
) -> None:
    """Whatever people and other downloads did in the folder meanwhile; everything of theirs stays."""
    seed = random.randrange(10**6) if seed is None else seed
    rng, orphans, theirs = random.Random(seed), [], dict[Path, bytes]()
    for number in range(30):
        name = rng.choice([f"f{number}.bin", f"ä{number}", f"F{number // 2}.BIN", f"{'x' * 180}{number}"])
        part, change, content = (
            tmp_path / f"{number}.part.1-a",
            rng.choice(CHANGES),
            rng.randbytes(rng.choice([0, 9, 70_000])),
        )
        part.write_bytes(content)
        identity = identity_of(part)
        path = publish(part, tmp_path, name, identity)
        orphans.append(
            rng.choice([f"\n{CompletionMarker(name, identity)}", f"other\n{CompletionMarker('x', identity)}"])
        )
        other = tmp_path / f"other {number}"
        match change:
            case "renamed":
                path.rename(other)
            case "linked":  # under both names it is the file that the download wrote
                os.link(path, other)
            case "replaced":
                path.unlink()
                path.write_bytes(content + b"x")
                theirs[path] = content + b"x"
            case "rewritten" if content:
                path.write_bytes(theirs.setdefault(path, bytes(len(content))))
            case "touched":
                os.utime(path, (1, 1))
                theirs[path] = content
            case "cut" if content:
                os.truncate(path, 1)
                theirs[path] = content[:1]
            case "grown":
                theirs[path] = content + b"more"
                path.write_bytes(theirs[path])
            case "symlink":
                path.rename(other)
                path.symlink_to(other)
                theirs[path] = b""
            case "folder":
                path.unlink()
                path.mkdir()
                theirs[path] = b""
            case "gone":
                path.unlink()
    rng.shuffle(orphans)
    remove_orphans(tmp_path, orphans)
    assert set(tmp_path.iterdir()) == set(theirs), f"seed {seed}"
    for path, content in theirs.items():
        assert path.is_symlink() or path.is_dir() or path.read_bytes() == content, f"seed {seed}"


OWN_NAMES = ["d{}.part.1-0a", "d{}.part.12-ffffffffffffffff", "ä{}~0123.part.3-b"]
THEIR_NAMES = [
    "film{}.part.rar",
    "film{}.part.1",
    "film{}.part.mkv",
    "f{}.part",
    "{}.part.",
    "part.{}",
    "d{}.PART.1-a",
    "n{}",
]


@pytest.mark.parametrize("seed", range(4))
def test_old_part_files_of_ours_are_removed_and_nothing_that_only_looks_like_one(seed: int, tmp_path: Path) -> None:
    rng, recorded, running, staying = random.Random(seed), dict[str, str](), set[str](), set[Path]()
    for number in range(60):
        is_ours = rng.random() < 0.5
        path = tmp_path / rng.choice(OWN_NAMES if is_ours else THEIR_NAMES).format(number)
        kind = rng.choice(["file", "file", "file", "link", "folder"])
        if kind == "file":
            path.write_bytes(b"x")
        elif kind == "link":
            path.symlink_to("/nowhere")
        else:
            path.mkdir()
        is_old = rng.random() < 0.7
        if is_old:
            os.utime(path, (0, 0), follow_symlinks=False)
        role = rng.choice(["recorded", "stray", "stray"])
        if role == "recorded":
            recorded[path.name.partition(".part.")[0]] = path.name
        if not is_ours or not is_old or role == "recorded" or kind == "folder":
            staying.add(path)
    remove_strays(tmp_path, recorded, running)
    assert set(tmp_path.iterdir()) == staying


async def test_a_file_that_could_not_be_removed_is_removed_later_and_holds_up_no_other(
    server: Server, jobs: Jobs, downloader: Downloader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a", "b"):
        await completed(jobs, downloader, server.at(f"/{name}", honest(CONTENT)), name)
        assert await jobs.command(Command("delete", name, with_file=True)) is None
    unlink = os.unlink

    def refuse(path: str, *, dir_fd: int | None = None) -> None:
        if path == "a":
            raise PermissionError(13, "Permission denied")
        unlink(path, dir_fd=dir_fd)

    with monkeypatch.context() as patch:
        patch.setattr(os, "unlink", refuse)
        await downloader.remove_orphans("w1")
        assert [path.name for path in tmp_path.iterdir()] == ["a"]
        assert await jobs.orphaned_files("w1") == (), "it is not tried each second"
        await downloader.remove_strays(await orphan_hosts(jobs))
    await downloader.remove_strays(await orphan_hosts(jobs))
    assert (list(tmp_path.iterdir()), await orphan_hosts(jobs)) == ([], [])


async def test_files_that_lie_elsewhere_hold_up_none_that_lies_here(
    server: Server, jobs: Jobs, downloader: Downloader, tmp_path: Path
) -> None:
    await jobs.postpone_orphans("gone", [f"elsewhere-{n}.part.1-a" for n in range(450)])
    await completed(jobs, downloader, server.at("/f", honest(CONTENT)), "d1")
    assert await jobs.command(Command("delete", "d1", with_file=True)) is None
    (orphan,) = await jobs.orphaned_files("w1")
    await jobs.forget_orphans("w1", [orphan])
    await jobs.postpone_orphans("gone", [orphan])
    await downloader.remove_strays(await orphan_hosts(jobs))
    assert list(tmp_path.iterdir()) == []


async def test_a_file_that_another_engine_wrote_is_not_removed_by_its_name(
    jobs: Jobs, downloader: Downloader, tmp_path: Path
) -> None:
    """The engine's folder is not the worker's, in which another download may have a file of that name."""
    (tmp_path / "film.mkv").write_bytes(b"another download's")
    await jobs.submit("http://example.com/film.mkv", "d1")
    await jobs.finish(await claim_job(jobs), "complete", {"file_path": "/videos/film.mkv"})
    assert await jobs.command(Command("delete", "d1", with_file=True)) is None
    await downloader.remove_orphans("w1")
    assert [path.name for path in tmp_path.iterdir()] == ["film.mkv"]
    assert await jobs.orphaned_files("w1") == ()


@pytest.mark.parametrize("kind", ["link", "folder", "pipe"])
async def test_something_else_in_the_place_of_a_part_file_costs_only_the_bytes(
    kind: str, server: Server, jobs: Jobs, downloader: Downloader, tmp_path: Path
) -> None:
    before = tmp_path / await interrupt_download(jobs, server, downloader, "d1")
    before.unlink()
    if kind == "link":
        before.symlink_to("/etc/hostname")
    elif kind == "folder":
        before.mkdir()
    else:
        os.mkfifo(before)
    await downloader.run(await claim_job(jobs))
    assert (await jobs.get("d1")).state == "complete"
    assert (tmp_path / "f.bin").read_bytes() == CONTENT


async def test_a_part_file_that_was_just_taken_over_is_no_stray(
    server: Server, jobs: Jobs, downloader: Downloader, tmp_path: Path
) -> None:
    """Another worker looks for strays by records that it read before its new owner saved the new name."""
    before = tmp_path / await interrupt_download(jobs, server, downloader, "d1")
    os.utime(before, (0, 0))  # it was paused for long
    part_files = await jobs.part_files()
    claim = await claim_job(jobs)
    take_over(tmp_path, claim, tmp_path / f"d1.part.{claim.token}")
    remove_strays(tmp_path, part_files, ())
    assert [path.name for path in tmp_path.iterdir()] == [f"d1.part.{claim.token}"]


def test_a_file_that_was_made_to_test_the_folder_does_not_stay_after_a_power_cut(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", lambda path: None)
        open_folder(tmp_path)
    (probe,) = tmp_path.iterdir()
    os.utime(probe, (0, 0))
    remove_strays(tmp_path, {}, ())
    assert list(tmp_path.iterdir()) == []
