"""Submissions by people, who may add a URL that is there already."""

import asyncio
from functools import partial
from pathlib import Path, PurePosixPath

from simulcast.jobs import Jobs
from simulcast.model.download_options import DownloadOptions
from simulcast.model.job_record import JobRecord, SubmittedRecord
from simulcast.subfolder import NO_SUBFOLDER, open_subfolder


async def submit(
    jobs: Jobs,
    url: str,
    priority: int,
    options: DownloadOptions,
    *,
    again: bool,
    folder: Path | None = None,
    download_id: str | None = None,
    owner: str = "",
    traceparent: str = "",
) -> SubmittedRecord:
    """Queue a download unless `again` is false and one of the same URL and options goes on or has its file.

    `folder`: the folder of the jobs' channel as this process sees it; None to look for a file at its `file_path`. Where
    there is no such folder here, the file of a complete download counts as there. `download_id`: of a new one, else
    random. `owner`, `traceparent`: of a new one. Raises as Jobs.submit.
    """
    new = partial(jobs.submit, url, download_id, priority, options, owner=owner, traceparent=traceparent)
    record = await new(unless_same=not again)
    if record.existing and record.file_path and await asyncio.to_thread(_is_gone, record, record.file_path, folder):
        return await new(unless_same=True, gone=record.download_id)
    return record


def _is_gone(record: JobRecord, file_path: str, folder: Path | None) -> bool:
    below, name = record.folder or "", PurePosixPath(file_path).name
    root = folder or Path(file_path.removesuffix(f"{below}/{name}" if below else name))
    if not root.is_dir():
        return False
    try:
        with open_subfolder(root, below):
            return not (root / below / name).exists()
    except OSError as error:
        return error.errno in NO_SUBFOLDER
