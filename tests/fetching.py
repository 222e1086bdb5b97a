"""A fetch of one file, and what it reported."""

import ipaddress
import tempfile
import time
from dataclasses import dataclass, field, fields, replace
from pathlib import Path

from simulcast.model.download_options import NO_OPTIONS, DownloadOptions
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
    """The terms of one fetch: the worker's limits, the download's own options, and those of its user."""

    limits: WorkerLimits = NO_LIMITS
    own: dict[str, object] = field(default_factory=dict)
    given: DownloadOptions = NO_OPTIONS


def terms(**changes: object) -> Terms:
    """Return terms with changed fields of WorkerLimits (but for `pace`, the download's own) and of FetchOptions."""
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
