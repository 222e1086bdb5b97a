"""A finished file in a folder below the download folder: made where it is missing, and never outside."""

import errno
import os
import random
import string
import threading
from pathlib import Path

import pytest
from pydantic import TypeAdapter, ValidationError

from simulcast.model.channel_folder import CHANNELS_FOLDER
from simulcast.model.file_place import FileFolder
from simulcast.subfolder import open_subfolder
from tests.part_files import identity_of
from workers.disk.completion_marker import CompletionMarker
from workers.disk.file_names import published_folder, stem_of_part
from workers.disk.publish import check_subfolder, publish
from workers.disk.removal import remove_orphans
from workers.errors import SubfolderRefused

FOLDER: TypeAdapter[str] = TypeAdapter(FileFolder)


def part(folder: Path, number: int = 1) -> Path:
    path = folder / f"{number}.part.1-a"
    path.write_text(f"content {number}")
    return path


def put(folder: Path, below: str, number: int = 1) -> Path:
    path = part(folder, number)
    return publish(path, folder, "f.txt", identity_of(path), below)


def listing(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


@pytest.mark.parametrize("has_links", [True, False])
def test_folders_are_made_and_a_taken_name_gets_a_number_in_its_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, has_links: bool
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    if not has_links:
        monkeypatch.setattr(os, "link", refuse)
    (tmp_path / "f.txt").write_text("of the download folder itself")
    assert put(tmp_path, "films/2026") == tmp_path / "films/2026/f.txt"
    assert put(tmp_path, "films/2026", 2) == tmp_path / "films/2026/f (1).txt"
    assert put(tmp_path, "films", 3) == tmp_path / "films/f.txt"
    assert listing(tmp_path) == [
        *("f.txt", "films", "films/2026", "films/2026/f (1).txt", "films/2026/f.txt", "films/f.txt")
    ]
    assert (tmp_path / "films/2026/f (1).txt").read_text() == "content 2"


def test_a_crash_between_the_two_steps_ends_in_the_same_place(tmp_path: Path) -> None:
    path = part(tmp_path)
    identity = identity_of(path)
    (tmp_path / "films").mkdir()
    os.link(path, tmp_path / "films/f.txt")
    assert publish(path, tmp_path, "f.txt", identity, "films") == tmp_path / "films/f.txt"
    assert listing(tmp_path) == ["films", "films/f.txt"]


def test_the_old_name_goes_only_after_the_new_one_and_its_folders_are_on_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = list[tuple[str, str]]()
    fsync, unlink = os.fsync, Path.unlink

    def noted_fsync(descriptor: int) -> None:
        folder = Path(f"/proc/self/fd/{descriptor}").readlink()
        steps.append(("fsync", str(folder.relative_to(tmp_path))))
        fsync(descriptor)

    def noted_unlink(path: Path, missing_ok: bool = False) -> None:
        steps.append(("unlink", path.name))
        unlink(path, missing_ok)

    monkeypatch.setattr(os, "fsync", noted_fsync)
    monkeypatch.setattr(Path, "unlink", noted_unlink)
    put(tmp_path, "films/2026")
    assert steps == [
        *(("fsync", "."), ("fsync", "films"), ("fsync", "films/2026")),
        *(("unlink", "1.part.1-a"), ("fsync", ".")),
    ]


@pytest.mark.parametrize("below", ["films", "films/2026"])
@pytest.mark.parametrize("kind", ["link", "dangling", "file", "pipe"])
def test_nothing_outside_is_reached_through_a_link_or_a_file_in_the_way(
    tmp_path: Path, kind: str, below: str, caplog: pytest.LogCaptureFixture
) -> None:
    folder, outside = tmp_path / "downloads", tmp_path / "outside"
    (outside / "2026").mkdir(parents=True)
    (folder / below).parent.mkdir(parents=True)
    in_the_way = folder / below
    if kind in ("link", "dangling"):
        in_the_way.symlink_to(outside if kind == "link" else tmp_path / "nothing")
    elif kind == "file":
        in_the_way.write_text("a file")
    else:
        os.mkfifo(in_the_way)
    before = [listing(folder), listing(outside)]
    for path in (below, f"{below}/2026"):
        with pytest.raises(SubfolderRefused, match=f"^{in_the_way.name} in the download folder is a file or a link"):
            check_subfolder(folder, path)
        with pytest.raises(SubfolderRefused):
            put(folder, path)
        part(folder).unlink()
        theirs = outside / path.removeprefix(below).strip("/") / "theirs"
        theirs.write_text("x")
        remove_orphans(folder, [f"\n{CompletionMarker('theirs', identity_of(theirs), path)}"])
        assert theirs.exists()
        theirs.unlink()
        assert [listing(folder), listing(outside)] == before
    assert "Traceback" not in caplog.text


def test_a_check_makes_nothing_and_knows_mounts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    check_subfolder(tmp_path, "films/2026")
    assert listing(tmp_path) == []
    (tmp_path / "films").mkdir()
    check_subfolder(tmp_path, "films/2026")
    assert listing(tmp_path) == ["films"]
    with pytest.raises(SubfolderRefused, match=r"^proc in the download folder is a mount"):
        check_subfolder(Path("/"), "proc/1")

    def refuse(source: str, target: str, **_: int) -> None:
        assert target == f"films/{source}"
        assert not (tmp_path / source).exists()
        raise OSError(errno.EXDEV, "Invalid cross-device link")

    monkeypatch.setattr(os, "rename", refuse)  # as for a mount of the same file system
    with pytest.raises(SubfolderRefused, match=r"^films in the download folder is a mount"):
        check_subfolder(tmp_path, "films/2026")


def test_many_that_make_the_same_folder_simultaneously_all_succeed(tmp_path: Path) -> None:
    count, failures = 8, list[BaseException]()
    ready = threading.Barrier(count)

    def run(number: int) -> None:
        try:
            ready.wait(60)
            put(tmp_path, "a/b/c/d", number)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failures == []
    contents = sorted(path.read_text() for path in (tmp_path / "a/b/c/d").iterdir())
    assert contents == [f"content {number}" for number in range(count)]


def test_a_marker_names_its_folder_without_a_slash_and_is_read_again(tmp_path: Path) -> None:
    marker = CompletionMarker("f.txt", identity_of(part(tmp_path)), "films/2026")
    assert "/" not in str(marker), "lua/deletions.lua ends names by slashes"
    assert CompletionMarker.parse(str(marker)) == marker
    assert CompletionMarker.parse("[]") is CompletionMarker.parse('{"name":"a"}') is None


def test_files_of_a_batch_are_removed_each_in_its_folder_and_the_folders_stay(tmp_path: Path) -> None:
    orphans = []
    for number, below in enumerate(["", "a", "a/b", "gone"]):
        path = put(tmp_path, below, number)
        orphans.append(f"\n{CompletionMarker('other name', identity_of(path), below)}")
        if below == "a":
            path.rename(path.with_name("renamed"))
        elif below == "gone":
            path.unlink()
            path.parent.rmdir()
    orphans.append(part(tmp_path, 9).name)
    removed, failed = remove_orphans(tmp_path, orphans)
    assert (sorted(removed), failed) == (sorted({*orphans} - {orphans[3]}), [])
    assert listing(tmp_path) == ["a", "a/b"]


@pytest.mark.parametrize("below", ["..", "a/..", "a//b", "a/\0", "/etc", "a/"])
def test_no_name_leads_out_whatever_a_record_says(tmp_path: Path, below: str) -> None:
    (tmp_path / "a").mkdir()
    with pytest.raises(NotADirectoryError), open_subfolder(tmp_path, below):
        pass


@pytest.mark.parametrize("seed", range(3))
def test_each_folder_that_may_be_asked_for_is_a_safe_one_below(tmp_path: Path, seed: int) -> None:
    rng, accepted = random.Random(seed), 0
    letters = string.printable + "üß\u3000\u200d\u202e😀" + 20 * "/" + 10 * "."
    words = [*letters, "con", "channels", ".part.", "..", "COM1", "x" * 199]
    while accepted < 100:
        asked = "".join(rng.choices(words, k=rng.randint(1, 12)))
        try:
            FOLDER.validate_python(asked)
        except ValidationError:
            continue
        accepted += 1
        names = published_folder(asked).split("/")
        assert len(names) == asked.count("/") + 1, asked
        assert names[0].casefold() != CHANNELS_FOLDER, asked
        for name in names:
            assert name and not name.startswith(".") and stem_of_part(name) is None, asked
            assert len(name.encode()) <= 255, asked
        check_subfolder(tmp_path, "/".join(names))
