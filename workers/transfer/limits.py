"""The limits of all downloads of a worker together, made of its settings."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from simulcast.settings.worker import WorkerSettings
from workers.disk.disk_space import DiskSpace
from workers.http.body import Body
from workers.http.decoding import Decoder
from workers.http.exchange import Response
from workers.http.host_limits import HostLimits
from workers.http.rate_limit import BandwidthLimiter
from workers.http.retry_policy import RetryPolicy


@dataclass(frozen=True, slots=True)
class WorkerLimits:
    """`pace`: shared by all downloads. `min_speed`: bytes a second. `connections`: at most of one download.

    `proxies`: URLs. `keeps_time`: whether a file gets the time of its last change on the server. `clock`: monotonic.
    """

    room: DiskSpace
    pace: BandwidthLimiter
    hosts: HostLimits
    retries: RetryPolicy = field(default_factory=RetryPolicy)
    min_speed: int = 0
    connections: int = 1
    proxies: tuple[str, ...] = ()
    keeps_time: bool = True
    clock: Callable[[], float] = time.monotonic

    @classmethod
    def from_settings(cls, settings: WorkerSettings, folder: Path, clock: Callable[[], float]) -> "WorkerLimits":
        """Return the limits of a worker that downloads into `folder`."""
        return cls(
            DiskSpace(folder, settings.max_file_bytes, settings.min_free_bytes),
            BandwidthLimiter(settings.max_speed or None, clock),
            HostLimits(settings.downloads_per_host, settings.connections_per_host),
            RetryPolicy(settings.retries, settings.retry_base_delay_s),
            settings.min_speed,
            settings.connections_per_download,
            settings.download_proxies,
            settings.keep_modified_time,
            clock,
        )

    def body(self, exchange: Response, pace: BandwidthLimiter | None, decoder: Decoder | None = None) -> Body:
        """Return the body of a response, as fast as `pace` and the worker's own allow."""
        paces = (self.pace,) if pace is None else (pace, self.pace)
        return Body(exchange, paces, self.min_speed, self.clock, decoder)
