"""The options of one fetch: its source, its file, and the callbacks that report it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from workers.disk.checksum import Digest
from workers.http.rate_limit import BandwidthLimiter
from workers.http.request import FileRequest
from workers.http.response import RemoteFile

OnSource = Callable[[RemoteFile], Awaitable[None]]
OnBytes = Callable[[int, int | None], None]


def _ignore(_: object) -> None:
    pass


@dataclass(frozen=True, slots=True)
class FetchOptions:
    """`part` is the caller's own file. `on_source` and `on_bytes` as in fetch.fetch.

    `pace`: the download's own. `site`: the server, as limits.WorkerLimits counts connections. `on_left` gets the state
    of the disk when a fetch ends that several connections wrote for; `on_checked`: bytes that the digest was taken of.
    """

    request: FileRequest
    part: Path
    on_bytes: OnBytes
    on_source: OnSource
    pace: BandwidthLimiter | None = None
    digest: Digest | None = None
    site: str = ""
    on_left: Callable[[RemoteFile], None] = _ignore
    on_checked: Callable[[int], None] = _ignore
