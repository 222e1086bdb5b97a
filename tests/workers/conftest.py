"""A server that can do anything wrong, a session that may reach it, and what fetch told."""

import ipaddress
import tempfile
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, fields, replace
from pathlib import Path

import pytest

from simulcast.model.download_options import NO_OPTIONS, DownloadOptions
from tests.scripted_server import Server
from workers.disk.disk_space import DiskSpace
from workers.http.address_filter import Networks
from workers.http.client import Client
from workers.http.host_limits import HostLimits
from workers.http.rate_limit import BandwidthLimiter
from workers.http.request import FileRequest
from workers.http.response import RemoteFile
from workers.transfer.fetch import Fetched, fetch
from workers.transfer.fetch_options import FetchOptions
from workers.transfer.limits import WorkerLimits

LOCAL: Networks = (ipaddress.ip_network("127.0.0.1/32"),)
NO_LIMITS = WorkerLimits(
    DiskSpace(Path(tempfile.gettempdir())),
    BandwidthLimiter(None, time.monotonic),
    HostLimits(downloads=1, connections=1),
)


@dataclass
class Terms:
    """How one file is fetched: the worker's limits, the download's own, and what its user gave."""

    limits: WorkerLimits = NO_LIMITS
    own: dict[str, object] = field(default_factory=dict)
    given: DownloadOptions = NO_OPTIONS


def terms(**changes: object) -> Terms:
    """`changes`: fields of WorkerLimits (but for `pace`, which is the download's own) and of FetchOptions."""
    mine = {each.name for each in fields(FetchOptions)}
    own = {name: value for name, value in changes.items() if name in mine}
    shared = {name: value for name, value in changes.items() if name not in mine}
    return Terms(replace(NO_LIMITS, **shared), own)  # type: ignore[arg-type]


@dataclass
class Download:
    """One part file and what was reported of it; `fetch` again continues as a successor would."""

    client: Client
    part: Path
    sources: list[RemoteFile] = field(default_factory=list)
    told: list[tuple[int, int | None]] = field(default_factory=list)

    async def fetch(self, url: str, by: Terms | None = None) -> Fetched:
        by, source = by or Terms(), self.sources[-1] if self.sources else None
        request = FileRequest(self.client, url, by.given, by.limits.proxies)
        options = FetchOptions(request, self.part, self.on_bytes, self.on_source, **by.own)  # type: ignore[arg-type]
        return await fetch(options, by.limits, source)

    def on_bytes(self, received: int, total: int | None) -> None:
        self.told.append((received, total))

    async def on_source(self, source: RemoteFile) -> None:
        self.sources.append(source)

    def holding(self, content: bytes, source: RemoteFile) -> "Download":
        """As if an earlier fetch had been interrupted after `content`."""
        self.part.write_bytes(content)
        self.sources.append(source)
        return self


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
