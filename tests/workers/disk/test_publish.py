"""A finished file gets its name in the folder, whole, at once, and in nobody's place."""

import errno
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.part_files import identity_of
from workers.disk import publish as publish_module
from workers.disk.publish import open_folder
from workers.errors import FolderNotWritable, NoFreeName, PartFileChanged


@pytest.fixture(params=["hard links", "no hard links"])
def links(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each promise is kept on a file system without hard links, too."""
    if request.param == "no hard links":

        def link(*_: object, **__: object) -> None:
            raise OSError(errno.EPERM, "Operation not permitted")

        monkeypatch.setattr(os, "link", link)


def publish(part: Path, folder: Path, name: str) -> Path:
    """Publishes what stands under the name of the part file."""
    return publish_module.publish(part, folder, name, identity_of(part))


def part(folder: Path, content: str = "new", name: str = "f.part.1-a") -> Path:
    (folder / name).write_text(content)
    return folder / name


def listing(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in folder.iterdir() if path.is_file()}


@pytest.mark.usefixtures("links")
class TestPublish:
    def test_the_part_file_becomes_the_file(self, tmp_path: Path) -> None:
        assert publish(part(tmp_path), tmp_path, "f.txt") == tmp_path / "f.txt"
        assert listing(tmp_path) == {"f.txt": "new"}

    @pytest.mark.parametrize(
        ("name", "second", "third"),
        [
            ("f.txt", "f (1).txt", "f (2).txt"),
            ("f.tar.gz", "f (1).tar.gz", "f (2).tar.gz"),
            ("f", "f (1)", "f (2)"),
        ],
    )
    def test_a_taken_name_gets_a_number_before_its_suffix(
        self, tmp_path: Path, name: str, second: str, third: str
    ) -> None:
        for content, expected in (("1", name), ("2", second), ("3", third)):
            assert publish(part(tmp_path, content), tmp_path, name).name == expected
        assert listing(tmp_path) == {name: "1", second: "2", third: "3"}

    def test_a_link_that_has_the_name_is_neither_followed_nor_replaced(self, tmp_path: Path) -> None:
        folder, outside = tmp_path / "folder", tmp_path / "outside.txt"
        folder.mkdir()
        outside.write_text("precious")
        (folder / "f.txt").symlink_to(outside)
        (folder / "f (1).txt").symlink_to(tmp_path / "nowhere.txt")
        (folder / "f (2).txt").mkdir()
        assert publish(part(folder), folder, "f.txt").name == "f (3).txt"
        assert outside.read_text() == "precious"
        assert not (tmp_path / "nowhere.txt").exists()

    @pytest.mark.parametrize("name", ["../f.txt", "/tmp/f.txt", "a/../../f.txt", "..\\f.txt"])  # noqa: S108
    def test_no_name_leads_out_of_the_folder(self, tmp_path: Path, name: str) -> None:
        folder = tmp_path / "folder"
        folder.mkdir()
        assert publish(part(folder), folder, name) == folder / "f.txt"

    @pytest.mark.parametrize("name", ["", "..", "/"])
    def test_a_name_of_nothing_becomes_download(self, tmp_path: Path, name: str) -> None:
        assert publish(part(tmp_path), tmp_path, name).name == "download"

    def test_a_part_file_that_is_a_link_is_not_published(self, tmp_path: Path) -> None:
        (tmp_path / "secret").write_text("secret")
        (tmp_path / "f.part.1").symlink_to(tmp_path / "secret")
        with pytest.raises(PartFileChanged):
            publish(tmp_path / "f.part.1", tmp_path, "f.txt")
        assert not (tmp_path / "f.txt").exists()

    def test_a_missing_part_file_is_an_error_and_leaves_nothing(self, tmp_path: Path) -> None:
        with pytest.raises(FileNotFoundError):
            publish(tmp_path / "none.part.1", tmp_path, "f.txt")
        assert listing(tmp_path) == {}

    def test_names_run_out_in_the_end(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(publish_module, "MAX_COPIES", 1)
        for _ in range(2):
            publish(part(tmp_path), tmp_path, "f.txt")
        with pytest.raises(NoFreeName, match=r"already holds f\.txt and 1 numbered copies of it"):
            publish(part(tmp_path), tmp_path, "f.txt")
        assert (tmp_path / "f.part.1-a").exists()

    def test_many_at_once_under_one_name_lose_nothing(self, tmp_path: Path) -> None:
        parts = [part(tmp_path, f"content {number}", f"f.part.{number}") for number in range(24)]
        start = threading.Barrier(len(parts))

        def go(one: Path) -> None:
            start.wait(20)
            publish(one, tmp_path, "f.txt")

        threads = [threading.Thread(target=go, args=(one,)) for one in parts]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
        found = listing(tmp_path)
        assert sorted(found.values()) == sorted(f"content {number}" for number in range(24))
        assert "f.txt" in found and "f (23).txt" in found


def test_a_crash_after_the_link_is_mended_by_doing_it_again(tmp_path: Path) -> None:
    mine = part(tmp_path)
    (tmp_path / "f.txt").write_text("someone else's")
    os.link(mine, tmp_path / "f (1).txt")
    assert publish(mine, tmp_path, "f.txt") == tmp_path / "f (1).txt"
    assert listing(tmp_path) == {"f.txt": "someone else's", "f (1).txt": "new"}


def test_a_rename_that_fails_leaves_no_empty_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", fail)
    monkeypatch.setattr(os, "rename", fail)
    with pytest.raises(OSError, match="Operation not permitted"):
        publish(part(tmp_path), tmp_path, "f.txt")
    assert listing(tmp_path) == {"f.part.1-a": "new"}


def test_a_disk_error_is_not_taken_for_a_missing_feature(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "link", fail)
    with pytest.raises(OSError, match="Input/output error"):
        publish(part(tmp_path), tmp_path, "f.txt")
    assert listing(tmp_path) == {"f.part.1-a": "new"}


def test_a_missing_folder_is_made(tmp_path: Path) -> None:
    assert open_folder(tmp_path / "a" / "b") == (tmp_path / "a" / "b").resolve()
    assert list((tmp_path / "a" / "b").iterdir()) == []


def test_a_folder_behind_a_link_is_named_by_where_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    monkeypatch.chdir(tmp_path)
    assert open_folder(Path("link")) == (tmp_path / "real").resolve()


@contextmanager
def nobody() -> Iterator[int]:
    """Tests may run as root, whom no mode stops."""
    before = os.geteuid()
    uid = 65534 if before == 0 else before
    os.seteuid(uid)
    try:
        yield uid
    finally:
        os.seteuid(before)


def test_a_folder_that_can_not_be_written_is_named_with_the_user_and_the_remedy(tmp_path: Path) -> None:
    folder = tmp_path / "locked"
    folder.mkdir(mode=0o555)
    with nobody() as uid, pytest.raises(FolderNotWritable) as caught:
        open_folder(folder)
    assert (caught.value.path, caught.value.uid) == (folder, uid)
    told = str(caught.value)
    assert told.startswith(f"user {uid} can't write into the download folder {folder} (Permission denied")
    assert f"chown -R {uid} {folder}" in told and "PUID" in told and "SIMULCAST_DOWNLOAD_DIR" in told


def test_a_read_only_disk_is_noticed_although_the_mode_allows_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> int:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(os, "open", fail)
    with pytest.raises(FolderNotWritable, match=r"\(Read-only file system; it belongs to user \d+, mode 7\d\d\)"):
        open_folder(tmp_path)


def test_a_full_disk_is_no_missing_right(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "open", fail)
    with pytest.raises(FolderNotWritable, match=r"No space left on device.*: free some space on its disk") as caught:
        open_folder(tmp_path)
    assert "chown" not in str(caught.value)


def test_a_file_in_the_place_of_the_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(FolderNotWritable, match="File exists"):
        open_folder(tmp_path / "file")
