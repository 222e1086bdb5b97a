"""A server that can do anything wrong, a client that may reach it, and a download from it."""

import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from simulcast.jobs import Jobs
from simulcast.settings.worker import WorkerSettings
from tests.fetching import LOCAL, Download
from tests.scripted_server import Server
from workers.http.client import Client
from workers.transfer.downloader import Downloader
from workers.transfer.limits import WorkerLimits


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    async with Server() as started:
        yield started


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    async with Client(LOCAL) as opened:
        yield opened


@pytest.fixture
def download(client: Client, tmp_path: Path) -> Download:
    return Download(client, tmp_path / "file.part.1-a")


@pytest.fixture
def downloader(client: Client, jobs: Jobs, tmp_path: Path) -> Downloader:
    return Downloader(client, jobs, tmp_path, WorkerLimits.from_settings(WorkerSettings(), tmp_path, time.monotonic))
