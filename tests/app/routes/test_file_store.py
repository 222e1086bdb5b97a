"""Nothing outside the folder is opened, and nothing that is no file."""

import os
import socket
from pathlib import Path

import pytest

from app.routes.file_store import open_file


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """With `a.iso` in it, and a secret of the same size beside it."""
    folder = tmp_path / "downloads"
    folder.mkdir()
    (folder / "a.iso").write_bytes(b"content")
    (tmp_path / "secret").write_bytes(b"secret!")
    return folder


def opened(folder: Path, path: str, size: int = 7) -> tuple[bytes, str, str]:
    file = open_file(folder, path, size)
    try:
        return os.read(file.descriptor, 100), file.name, file.etag
    finally:
        os.close(file.descriptor)


@pytest.mark.parametrize(
    "told", ["/downloads/a.iso", "/elsewhere/on/another/host/a.iso", "a.iso", "../../a.iso", "/a.iso/"]
)
def test_a_file_is_found_by_its_last_name_wherever_the_worker_saw_it(folder: Path, told: str) -> None:
    content, name, _ = opened(folder, told)
    assert (content, name) == (b"content", "a.iso")


@pytest.mark.parametrize(
    "told",
    [
        "",
        "/",
        ".",
        "..",
        "a/..",
        "../secret",
        "/etc/passwd",
        "/downloads/../secret",
        "a\0.iso",
        "x" * 300,
        "..\\secret",
    ],
)
def test_nothing_else_is_opened(folder: Path, told: str) -> None:
    for size in (7, (Path("/etc/passwd")).stat().st_size):
        with pytest.raises(FileNotFoundError):
            open_file(folder, told, size)


def open_descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_links_folders_pipes_and_sockets_are_no_files(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "link").symlink_to(tmp_path / "secret")
    (folder / "inner").symlink_to("a.iso")
    (folder / "dangling").symlink_to("nothing")
    (folder / "folder").mkdir()
    os.mkfifo(folder / "pipe")
    monkeypatch.chdir(folder)  # a socket's path is short
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("socket")
        before = open_descriptors()
        for name in ("link", "inner", "dangling", "folder", "pipe", "socket"):
            for size in (7, 0, (folder / name).lstat().st_size):
                with pytest.raises(FileNotFoundError):
                    open_file(folder, name, size)
        assert open_descriptors() == before


def test_a_file_below_is_opened_in_its_folder_and_through_no_link(folder: Path, tmp_path: Path) -> None:
    (folder / "channels/a/films").mkdir(parents=True)
    (folder / "channels/a/films/a.iso").write_bytes(b"in film")
    file = open_file(folder, "/downloads/channels/a/films/a.iso", 7, "channels/a", "films")
    assert os.read(file.descriptor, 100) == b"in film"
    os.close(file.descriptor)
    (tmp_path / "films").mkdir()
    (tmp_path / "films/secret").write_bytes(b"secret!")
    (folder / "films").symlink_to(tmp_path / "films")
    (folder / "outside").symlink_to(tmp_path)
    before = open_descriptors()
    odd = ["films", "outside/films", "..", "../films", "a.iso", "nothing", "/", "films\0", "x" * 300, str(tmp_path)]
    for below in odd:
        with pytest.raises(FileNotFoundError):
            open_file(folder, "/downloads/secret", 7, "", below)
    assert open_descriptors() == before


def test_a_file_of_another_size_took_the_name(folder: Path) -> None:
    with pytest.raises(FileNotFoundError):
        open_file(folder, "a.iso", 8)


def test_the_tag_changes_with_the_file_and_with_its_bytes(folder: Path) -> None:
    first = opened(folder, "a.iso")[2]
    assert first == opened(folder, "a.iso")[2]
    os.utime(folder / "a.iso", ns=(1, 1))
    second = opened(folder, "a.iso")[2]
    (folder / "b").write_bytes(b"CONTENT")
    os.utime(folder / "b", ns=(1, 1))
    (folder / "b").rename(folder / "a.iso")
    third = opened(folder, "a.iso")[2]
    assert len({first, second, third}) == 3
    assert all(tag[0] == tag[-1] == '"' for tag in (first, second, third))


def test_a_folder_that_is_not_there_is_not_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(NotADirectoryError, match="SIMULCAST_FILES_DIR"):
        open_file(tmp_path / "nothing", "a.iso", 7)
