"""The removal of files that no download owns any more, each only as what it is known by. All functions block."""

import logging
import os
import time
from collections.abc import Collection, Container, Iterator, Mapping
from contextlib import suppress
from itertools import chain
from pathlib import Path

from simulcast.subfolder import NO_SUBFOLDER, open_subfolder
from workers.disk.completion_marker import CompletionMarker
from workers.disk.file_names import has_claim, part_stem, stem_of_part
from workers.disk.identity import names_by_inode

MIN_STRAY_AGE_S = 600.0  # a file that is being written may not be in its record yet
_log = logging.getLogger("simulcast.worker")


def unlink(path: Path | str, folder: int | None = None) -> bool:
    """Remove a file, of an open folder where the path is relative, and return whether it is gone.

    A refusal is logged.
    """
    try:
        os.unlink(path, dir_fd=folder)
    except FileNotFoundError:
        return True
    except OSError as error:
        _log.warning("%s could not be removed: %s", Path(path).name, error.strerror)
        return False
    return True


def remove_orphans(folder: Path, orphans: Collection[str]) -> tuple[Collection[str], Collection[str]]:
    """Remove files as Jobs.orphaned_files names them; return those that were removed, and those that could not be.

    A name alone tells enough of a part file only.
    """
    removed: list[str] = []
    failed: list[str] = []
    by_folder: dict[str, dict[str, CompletionMarker | None]] = {"": {}}
    for orphan in orphans:
        name, _, text = orphan.partition("\n")
        marker = CompletionMarker.parse(text)
        if marker is not None or stem_of_part(name) is not None:
            by_folder.setdefault("" if marker is None else marker.folder, {})[orphan] = marker
    for below, markers in by_folder.items():
        try:
            with open_subfolder(folder, below) as opened:
                for orphan, outcomes in _remove(opened, markers):
                    if not all(outcomes):
                        failed.append(orphan)
                    elif outcomes:
                        removed.append(orphan)
        except OSError as error:
            if below and error.errno in NO_SUBFOLDER:
                continue
            _log.warning("the download folder, or %r in it, can't be read: %s", below, error.strerror)
            if not below:
                return [], orphans
            failed.extend(markers)
    return removed, failed


def _remove(folder: int, markers: Mapping[str, CompletionMarker | None]) -> Iterator[tuple[str, list[bool]]]:
    """Remove the files of orphans from an open folder; yield which of each are gone. Raises OSError before that."""
    names = names_by_inode(folder)
    known = set(chain.from_iterable(names.values()))
    for orphan, marker in markers.items():
        part = Path(orphan.partition("\n")[0]).name
        found = [part] * (part in known) if marker is None else marker.names_in(folder, names)
        yield orphan, [unlink(name, folder) for name in found]


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
