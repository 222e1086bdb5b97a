"""What a worker allows all its downloads together, made of its settings."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from workers.disk.disk_space import Room
from workers.http.address_filter import Networks
from workers.http.host_limits import Hosts
from workers.http.rate_limit import Pace
from workers.http.retry_policy import Retries
from workers.settings import WorkerSettings


@dataclass(frozen=True, slots=True)
class Rules:
    """`pace`: shared by all downloads. `min_speed`: bytes a second. `connections`: at most of one download.

    `proxies`: URLs. `allow`: networks beside the public ones.
    """

    room: Room
    pace: Pace
    hosts: Hosts
    retries: Retries
    min_speed: int = 0
    connections: int = 1
    proxies: tuple[str, ...] = ()
    allow: Networks = ()

    @classmethod
    def of(cls, settings: WorkerSettings, folder: Path, clock: Callable[[], float]) -> "Rules":
        """`clock`: monotonic, in seconds."""
        return cls(
            Room(folder, settings.max_file_bytes, settings.keep_free_bytes),
            Pace(settings.max_speed or None, clock),
            Hosts(settings.downloads_per_host, settings.connections_per_host),
            Retries(settings.retries, settings.retry_first_s),
            settings.min_speed,
            settings.connections_per_download,
            settings.proxies,
            settings.allow_networks,
        )
