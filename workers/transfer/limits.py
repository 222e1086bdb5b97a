"""What a worker allows all its downloads together, made of its settings."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from simulcast.settings.worker import WorkerSettings
from workers.disk.disk_space import DiskSpace
from workers.http.address_filter import Networks
from workers.http.host_limits import HostLimits
from workers.http.rate_limit import BandwidthLimiter
from workers.http.retry_policy import RetryPolicy


@dataclass(frozen=True, slots=True)
class WorkerLimits:
    """`pace`: shared by all downloads. `min_speed`: bytes a second. `connections`: at most of one download.

    `proxies`: URLs. `allow`: networks beside the public ones.
    """

    room: DiskSpace
    pace: BandwidthLimiter
    hosts: HostLimits
    retries: RetryPolicy
    min_speed: int = 0
    connections: int = 1
    proxies: tuple[str, ...] = ()
    allow: Networks = ()

    @classmethod
    def of(cls, settings: WorkerSettings, folder: Path, clock: Callable[[], float]) -> "WorkerLimits":
        """`clock`: monotonic, in seconds."""
        return cls(
            DiskSpace(folder, settings.max_file_bytes, settings.min_free_bytes),
            BandwidthLimiter(settings.max_speed or None, clock),
            HostLimits(settings.downloads_per_host, settings.connections_per_host),
            RetryPolicy(settings.retries, settings.retry_base_delay_s),
            settings.min_speed,
            settings.connections_per_download,
            settings.proxies,
            settings.allow_networks,
        )
