"""The takeover of a download from the owner before, by the owner of the next claim. Blocks."""

import os
from contextlib import suppress
from pathlib import Path

from simulcast.jobs import Lease
from workers.disk.completion_marker import CompletionMarker
from workers.disk.file_names import is_after, part_stem, stem_of_part
from workers.disk.part_file import adopt
from workers.disk.publish import publish
from workers.disk.removal import unlink


def take_over(folder: Path, claim: Lease, part: Path) -> tuple[Path, int] | None:
    """Make the part file of the owner before that of the claim, `part`; remove those that are not recorded.

    Only of the recorded file is it known what it is a beginning of. A later owner's file stays: the claim may be a
    stale one, which a worker that hung learned of too late. Returns the finished file and its size where the owner
    before had all of it and died before it could report that.
    """
    download_id, recorded = claim.record.download_id, Path(claim.fields.get("part", "")).name
    stem = part_stem(download_id)
    with os.scandir(folder) as entries:
        names = [entry.name for entry in entries if ".part." in entry.name]
    for name in names:
        if stem_of_part(name) != stem or is_after(name, claim.token):
            continue
        if name == recorded:
            with suppress(FileNotFoundError):  # a stale owner may be doing the same
                adopt(folder / name, part)
        else:
            unlink(folder / name)
    marker = CompletionMarker.parse(claim.fields.get("finishing"))
    if marker is None:
        with suppress(OSError):  # another worker's look for strays may not know its new name yet
            os.utime(part, follow_symlinks=False)
        return None
    if marker.identity.matches(part):
        return publish(part, folder, marker.name, marker.identity, marker.folder), marker.identity.size
    published = marker.find_published(folder, part)
    return None if published is None else (published, marker.identity.size)
