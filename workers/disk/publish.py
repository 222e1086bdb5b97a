"""The download folder: may it be written, and how a finished part file gets its name there."""

import errno
import os
import secrets
import stat
from contextlib import suppress
from pathlib import Path

from simulcast.model.channel_folder import CHANNELS_FOLDER, channel_of
from simulcast.subfolder import open_subfolder
from workers.disk.file_names import published_name, split_suffix
from workers.disk.identity import FileIdentity
from workers.disk.part_file import sync_folder
from workers.errors import FolderNotWritable, NoFreeName, PartFileChanged, SubfolderRefused

MAX_COPIES = 9_999
# Errors of file systems without hard links (vfat, exFAT, many network and FUSE mounts).
_NO_HARD_LINKS = frozenset(
    {errno.EPERM, errno.EACCES, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK, errno.EINVAL}
)


def open_folder(folder: Path) -> Path:
    """`folder` as an absolute path without symbolic links, made if it was missing, and seen to be writable.

    Raises FolderNotWritable with path, uid and remedy. A file is made and removed to find out, since modes
    say nothing of read-only mounts, quotas and network file systems.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        real = folder.resolve(strict=True)
        probe = real / f".simulcast.part.0-{secrets.token_hex(8)}"  # removed as a part file after a power cut
        os.close(os.open(probe, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        probe.unlink()
    except OSError as error:
        is_full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        raise FolderNotWritable(folder.absolute(), os.geteuid(), _cause(folder, error), is_full=is_full) from error
    return real


def stored_channels(folder: Path) -> list[str]:
    """Return the channels that have a folder in this download folder, but for `downloads`. Raises OSError."""
    try:
        names = [path.name for path in (folder / CHANNELS_FOLDER).iterdir()]
    except FileNotFoundError:
        return []
    return [channel for channel in map(channel_of, names) if channel is not None]


def make_folder(folder: Path) -> None:
    """Make a folder, durably, unless it is there already. Raises OSError."""
    try:
        folder.mkdir()
    except FileExistsError:
        return
    sync_folder(folder.parent)


def check_subfolder(folder: Path, below: str) -> None:
    """Check that `publish` can make the folder `below`, before there is anything to publish.

    Raises SubfolderRefused, OSError.
    """
    with suppress(FileNotFoundError), open_subfolder(folder, below, _check):
        pass


def _check(parent: int, name: str) -> None:
    status = os.stat(name, dir_fd=parent, follow_symlinks=False)
    if not stat.S_ISDIR(status.st_mode):
        raise SubfolderRefused(name, "a file or a link, and no folder: remove it")
    if status.st_dev != os.fstat(parent).st_dev or _is_mount(parent, name):
        raise SubfolderRefused(name, "a mount, into which nothing can be renamed: mount that elsewhere")


def _is_mount(parent: int, name: str) -> bool:
    """Return whether a folder is a mount, also of the same file system: Linux says so before it looks for a file."""
    missing = f".simulcast.{secrets.token_hex(8)}"
    try:
        os.rename(missing, f"{name}/{missing}", src_dir_fd=parent, dst_dir_fd=parent)
    except OSError as error:
        return error.errno == errno.EXDEV
    return False


def _make(parent: int, name: str) -> None:
    with suppress(FileExistsError):
        os.mkdir(name, dir_fd=parent)
    os.fsync(parent)  # also where another download made it a moment ago
    _check(parent, name)


def _cause(folder: Path, error: OSError) -> str:
    cause = error.strerror or type(error).__name__
    try:
        owner = folder.stat()
    except OSError:
        return cause
    return f"{cause}; it belongs to user {owner.st_uid}, mode {stat.S_IMODE(owner.st_mode):o}"


def publish(part: Path, folder: Path, name: str, identity: FileIdentity, below: str = "") -> Path:
    """Give the finished `part`, which lies in `folder`, its name in the folder `below` that, and return the path.

    Folders that are missing are made. Nothing is ever overwritten or followed: if `name`, made safe, is taken by a
    file, folder or link, a number goes before its suffix. Done twice, as after a crash between the two steps, it has
    the same end. The name and the file in full appear at once; without hard links an empty file holds the name for a
    moment. Durable when it returns. Raises NoFreeName, SubfolderRefused, OSError, and PartFileChanged if `part` is not
    that file.
    """
    with open_subfolder(folder, below, _make) as opened:
        try:
            status = os.lstat(part)
        except FileNotFoundError:
            raise PartFileChanged(part) from None
        if not identity.is_of(status):
            raise PartFileChanged(part)
        taken = _take_name(part, status, opened, published_name(name))
        if below:  # of two folders, the old name must not go before the new one is durable
            os.fsync(opened)
        part.unlink(missing_ok=True)
    sync_folder(folder)
    return folder / below / taken


def _take_name(part: Path, mine: os.stat_result, folder: int, name: str) -> str:
    stem, suffix = split_suffix(name)
    for number in range(MAX_COPIES + 1):
        candidate = f"{stem} ({number}){suffix}" if number else name
        try:
            _name_it(part, folder, candidate)
        except FileExistsError:
            # It may be this very file, linked before a crash.
            if not os.path.samestat(mine, os.lstat(candidate, dir_fd=folder)):
                continue
        return candidate
    raise NoFreeName(name, MAX_COPIES)


def _name_it(part: Path, folder: int, candidate: str) -> None:
    """Links or, without hard links, renames. Raises FileExistsError if `candidate` is taken by anything."""
    try:
        os.link(part, candidate, dst_dir_fd=folder, follow_symlinks=False)
    except OSError as error:
        if error.errno not in _NO_HARD_LINKS:
            raise
    else:
        return
    # rename() replaces what is there, so the name is claimed first.
    os.close(os.open(candidate, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600, dir_fd=folder))
    try:
        os.rename(part, candidate, dst_dir_fd=folder)
    except OSError:
        os.unlink(candidate, dir_fd=folder)
        raise
