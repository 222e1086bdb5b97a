"""The removal of files that no download owns any more, each only as what it is known by. All functions block."""

import logging
import time
from collections.abc import Collection, Container, Mapping
from contextlib import suppress
from pathlib import Path

from workers.disk.completion_marker import CompletionMarker
from workers.disk.file_names import has_claim, part_stem, stem_of_part
from workers.disk.identity import paths_by_inode

MIN_STRAY_AGE_S = 600.0  # a file that is being written may not be in its record yet
_log = logging.getLogger("simulcast.worker")


def unlink(path: Path) -> bool:
    """Remove a file, and return whether it is gone; a refusal is logged."""
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        _log.warning("%s could not be removed: %s", path.name, error.strerror)
        return False
    return True


def remove_orphans(folder: Path, orphans: Collection[str]) -> tuple[Collection[str], Collection[str]]:
    """Remove files as Jobs.orphaned_files names them; return those that were removed, and those that could not be.

    A name alone tells enough of a part file only.
    """
    removed: list[str] = []
    failed: list[str] = []
    try:
        paths_of = paths_by_inode(folder)
    except OSError as error:
        _log.warning("the download folder can't be read: %s", error.strerror)
        return [], orphans
    for orphan in orphans:
        name, _, text = orphan.partition("\n")
        if (marker := CompletionMarker.parse(text)) is not None:
            paths = [path for path in paths_of.get(marker.identity.inode, ()) if marker.identity.matches(path)]
        elif stem_of_part(name) is not None and (path := folder / Path(name).name).exists():
            paths = [path]
        else:
            continue
        outcomes = [unlink(path) for path in paths]
        if not all(outcomes):
            failed.append(orphan)
        elif outcomes:
            removed.append(orphan)
    return removed, failed


def remove_if_unused(folder: Path) -> None:
    """Remove a folder that is empty, and was used by nobody for a while."""
    with suppress(OSError):
        if time.time() - folder.stat().st_mtime > MIN_STRAY_AGE_S:
            folder.rmdir()


def remove_strays(folder: Path, part_files: Mapping[str, str], running: Container[str]) -> None:
    """Remove part files that no record names, and that were not written for a while. `running`: tokens of claims.

    `part_files`: the name of each download's, by its id. Raises OSError where the folder can't be read.
    """
    ids = {part_stem(download_id): download_id for download_id in part_files}
    for path in folder.iterdir():
        stem, token = stem_of_part(path.name), path.name.rpartition(".part.")[2]
        if stem is None or not has_claim(path.name) or token in running:
            continue
        if path.name == part_files.get(ids.get(stem, "")):
            continue
        with suppress(OSError):
            if time.time() - path.lstat().st_mtime > MIN_STRAY_AGE_S:
                path.unlink()
                _log.info("removed %s, which no download names", path.name)
