"""Under which terms one download is fetched: what its user said, and what the worker allows."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

import aiohttp

from workers.disk.checksum import Digest
from workers.disk.disk_space import DiskSpace
from workers.http.body import Body
from workers.http.host_limits import HostLimits
from workers.http.rate_limit import BandwidthLimiter
from workers.http.request import RequestOptions
from workers.http.response import RemoteFile


def _one_connection() -> HostLimits:
    return HostLimits(downloads=1, connections=1)


def _nobody_asks(source: RemoteFile) -> None:
    pass


@dataclass(frozen=True, slots=True)
class FetchOptions:
    """`paces`: the download's own and the worker's. `least`: bytes a second (body.Body). `connections`: at most, as far
    as `hosts` has any left for `site`. `on_left` is told, when a fetch ends that several connections wrote for, what
    is on the disk."""

    asking: RequestOptions = field(default_factory=RequestOptions)
    paces: tuple[BandwidthLimiter, ...] = ()
    least: int = 0
    room: DiskSpace | None = None
    digest: Digest | None = None
    site: str = ""
    connections: int = 1
    hosts: HostLimits = field(default_factory=_one_connection)
    clock: Callable[[], float] = time.monotonic
    on_left: Callable[[RemoteFile], None] = _nobody_asks

    def body(self, response: aiohttp.ClientResponse, silence_s: float | None) -> Body:
        """An answer's body, read by these terms."""
        return Body(response, self.paces, silence_s, self.least, self.clock)
