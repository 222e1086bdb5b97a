"""The path of the download folder outside of the container, as mounts in the kernel's own words show it."""

from pathlib import Path

import pytest

from workers.disk.mount import mounted_path, outside_path

HERE = Path("/downloads")
OTHERS = """\
2043 1530 0:215 / / ro,relatime - overlay overlay ro,lowerdir=/var/lib/docker/overlay2/l/A
2050 2043 8:1 /var/lib/docker/containers/3f/hostname /etc/hostname ro,relatime - ext4 /dev/sda1 rw
"""


def mount(root: str, at: str = "/downloads") -> str:
    return f"{OTHERS}2051 2043 8:1 {root} {at} rw,relatime - ext4 /dev/sda1 rw\n"


@pytest.mark.parametrize(
    ("probable", "root"),
    [
        ("/srv/simulcast/downloads", "/srv/simulcast/downloads"),
        ("/home/me/simulcast/downloads", "/me/simulcast/downloads"),  # /home has a file system of its own
        ("/home/me/simulcast/downloads", "/@home/me/simulcast/downloads"),  # in a subvolume
        ("/my files/downloads", r"/my\040files/downloads"),
        ("/mnt/disk", "/"),  # the whole of a file system
    ],
)
def test_the_folder_where_compose_was_started_is_right_where_the_mount_agrees(probable: str, root: str) -> None:
    assert mounted_path(HERE, probable, mount(root)) == probable


@pytest.mark.parametrize(
    ("probable", "root", "told"),
    [
        ("/root/downloads", "/srv/simulcast/downloads", "/srv/simulcast/downloads"),
        ("/srv/simulcast/docs/downloads", "/srv/simulcast/downloads", "/srv/simulcast/downloads"),
        ("/downloads", r"/my\040files/downloads", "/my files/downloads"),
    ],
)
def test_clients_are_told_the_mounts_path_where_compose_was_started_elsewhere(
    probable: str, root: str, told: str
) -> None:
    assert mounted_path(HERE, probable, mount(root)) == told


def test_the_last_of_several_mounts_at_one_place_is_the_one_that_is_seen() -> None:
    assert mounted_path(HERE, "/x/y", mount("/first/a") + mount("/second/b")) == "/second/b"


def test_without_a_mount_the_guess_is_kept_and_without_a_guess_nothing_is_told() -> None:
    assert mounted_path(HERE, "/srv/downloads", OTHERS) == "/srv/downloads"
    assert outside_path(HERE, "") == ""
