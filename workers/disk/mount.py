"""The path that the download folder has outside of the worker's container."""

import re
from pathlib import Path, PurePosixPath

_MOUNTS = Path("/proc/self/mountinfo")


def outside_path(folder: Path, probable: str) -> str:
    """Return the folder's path outside, of which `probable` is a guess; "" for no guess, as outside of containers."""
    if not probable or not _MOUNTS.exists():  # no Linux
        return probable
    return mounted_path(folder, probable, _MOUNTS.read_text(encoding="utf-8", errors="surrogateescape"))


def mounted_path(folder: Path, probable: str, mounts: str) -> str:
    """Return `probable` unless the mount at `folder` shows another path. `mounts`: as in proc_pid_mountinfo(5).

    A mount is shown with its path in its file system, which may be mounted anywhere outside. So `probable` may have
    more before it, and less where the path begins with the name of a subvolume (Btrfs).
    """
    lines = [line.split(" ") for line in mounts.splitlines()]
    roots = [_unescape(fields[3]) for fields in lines if _unescape(fields[4]) == str(folder)]
    parts = PurePosixPath(roots[-1]).parts[1:] if roots else ()
    for known in (parts, parts[1:] if len(parts) > 2 else parts):
        if PurePosixPath(probable).parts[-len(known) :] == known:
            return probable
    return roots[-1] if parts else probable


def _unescape(path: str) -> str:
    """Return a path in which the kernel has written a space as `\\040`, and other bytes likewise."""
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), path)
