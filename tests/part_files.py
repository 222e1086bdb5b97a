"""Downloads that leave a part file, or a whole file, in a folder."""

import os
from pathlib import Path

import pytest

from simulcast.jobs import Jobs
from simulcast.model.download_options import DownloadOptions
from tests.jobs import claim_job
from tests.scripted_server import Server, honest
from workers.disk.identity import FileIdentity
from workers.errors import IncompleteBody
from workers.transfer.downloader import Downloader

CONTENT = bytes(100_000)


def identity_of(path: Path) -> FileIdentity:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        return FileIdentity.of_descriptor(descriptor)
    finally:
        os.close(descriptor)


async def interrupt_download(jobs: Jobs, server: Server, downloader: Downloader, download_id: str) -> Path:
    """The part file of a download whose server broke off; it is queued again."""
    await jobs.submit(server.at("/f.bin", honest(CONTENT, cut_after=60_000), honest(CONTENT)), download_id)
    claim = await claim_job(jobs)
    with pytest.raises(IncompleteBody):
        await downloader.run(claim)
    await jobs.finish(claim, "queued", {}, None)
    return Path(f"{download_id}.part.{claim.token}")


async def completed(jobs: Jobs, downloader: Downloader, url: str, download_id: str, folder: str | None = None) -> None:
    await jobs.submit(url, download_id, options=DownloadOptions(folder=folder))
    await downloader.run(await claim_job(jobs))
