"""A URL that is added twice: it counts as there while its file is, in its folder below the download folder too."""

import shutil
from functools import partial
from pathlib import Path

import pytest

from simulcast.jobs import Jobs
from simulcast.model.download_options import DownloadOptions
from simulcast.submissions import submit
from tests.jobs import claim_job

CASES = {
    "there": True,
    "file removed": False,
    "folder removed": False,
    "link in the way": False,
    "download folder not here": True,
}


@pytest.mark.parametrize("is_known", [True, False])
@pytest.mark.parametrize("below", [None, "films/2026"])
@pytest.mark.parametrize("case", CASES)
async def test_a_download_counts_while_its_file_is_there(
    case: str, below: str | None, is_known: bool, jobs: Jobs, tmp_path: Path
) -> None:
    """`is_known`: the download folder is, by a setting; or else by the file's path alone."""
    folder = tmp_path / "downloads"
    path = folder / (below or "") / "a.iso"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"x")
    add = partial(
        submit,
        *(jobs, "http://example.com/a.iso", 0, DownloadOptions(folder=below)),
        again=False,
        folder=folder if is_known else None,
    )
    first = await add()
    place = {"file_folder": below} if below else {}
    await jobs.finish(await claim_job(jobs), "complete", {"file_path": str(path), **place})
    match case:
        case "file removed":
            path.unlink()
        case "folder removed" if below:
            shutil.rmtree(folder / "films")
        case "folder removed":
            path.unlink()
        case "link in the way" if below:
            (folder / "films").rename(tmp_path / "films")
            (folder / "films").symlink_to(tmp_path / "films")
        case "link in the way":
            path.unlink()
            path.symlink_to(tmp_path / "nothing")
        case "download folder not here":
            shutil.rmtree(folder)
    second = await add()
    assert second.existing is CASES[case]
    assert (second.download_id == first.download_id) is CASES[case]
