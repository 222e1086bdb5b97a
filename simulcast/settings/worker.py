"""A worker's settings."""

from ipaddress import IPv4Network, IPv6Network
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, ByteSize, Field
from pydantic_settings import NoDecode

from simulcast.settings.shared import SharedSettings, split_commas

Networks = tuple[IPv4Network | IPv6Network, ...]


def _proxy_origins(proxies: tuple[str, ...]) -> tuple[str, ...]:
    for proxy in proxies:
        parts = urlsplit(proxy)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.username is not None:
            raise ValueError("each looks like http://proxy.example:3128, without user name and password")
    return proxies


def absolute_path(folder: str) -> str:
    """`folder` as it is: an absolute path, of any system, or nothing. Raises ValueError for a relative one."""
    if folder and not (PurePosixPath(folder).is_absolute() or PureWindowsPath(folder).is_absolute()):
        raise ValueError("a relative path means another folder to each reader: write it from the root on")
    return folder


class WorkerSettings(SharedSettings):
    """Read once, when the program starts."""

    download_dir: Path = Field(
        default=Path("downloads"), validation_alias="SIMULCAST_DOWNLOAD_DIR", description="where files go"
    )
    public_download_dir: Annotated[str, AfterValidator(absolute_path)] = Field(
        default="",
        validation_alias="SIMULCAST_PUBLIC_DOWNLOAD_DIR",
        description="that folder as clients are told it in `file_path`, for a worker in a container: an absolute path; "
        "empty: as the worker sees it",
    )
    allow_networks: Annotated[Networks, NoDecode, BeforeValidator(split_commas)] = Field(
        default=(),
        validation_alias="SIMULCAST_ALLOW_NETWORKS",
        description="private networks, as CIDRs separated by commas, that downloads may reach all the same",
    )
    lease_s: float = Field(
        default=15.0,
        ge=1,
        le=3600,
        validation_alias="SIMULCAST_LEASE_S",
        description="seconds after which another worker takes over from one that is silent",
    )
    max_concurrent_downloads: int = Field(
        default=4,
        ge=1,
        le=100,
        validation_alias="SIMULCAST_MAX_CONCURRENT_DOWNLOADS",
        description="downloads at once a worker",
    )
    downloads_per_host: int = Field(
        default=4,
        ge=1,
        le=100,
        validation_alias="SIMULCAST_DOWNLOADS_PER_HOST",
        description="downloads at once from one server, a worker",
    )
    connections_per_download: int = Field(
        default=4,
        ge=1,
        le=32,
        validation_alias="SIMULCAST_CONNECTIONS_PER_DOWNLOAD",
        description="connections at once for one large file that takes long, where its server allows that",
    )
    connections_per_host: int = Field(
        default=8,
        ge=1,
        le=256,
        validation_alias="SIMULCAST_CONNECTIONS_PER_HOST",
        description="connections at once to one server, a worker, beyond which a download that has one gets no more",
    )
    max_speed: ByteSize = Field(
        default=ByteSize(0),
        validation_alias="SIMULCAST_MAX_SPEED",
        description="bytes a second for all downloads of a worker together (4MB, 500KiB); 0 for no limit",
    )
    min_speed: ByteSize = Field(
        default=ByteSize(100),
        validation_alias="SIMULCAST_MIN_SPEED",
        description="bytes a second; a server that sends less, over twice the longest silence, is tried again later",
    )
    read_timeout_s: float = Field(
        default=30.0,
        gt=0,
        le=3600,
        validation_alias="SIMULCAST_READ_TIMEOUT_S",
        description="seconds of silence after which a server is tried again later",
    )
    retries: int = Field(
        default=10,
        ge=0,
        le=1000,
        validation_alias="SIMULCAST_RETRIES",
        description="how often in a row a download that failed for a passing reason is tried again",
    )
    retry_base_delay_s: float = Field(
        default=1.0,
        gt=0,
        le=300,
        validation_alias="SIMULCAST_RETRY_BASE_DELAY_S",
        description="seconds before the first retry, halved at most by chance; each further one waits twice as long, "
        "up to five minutes",
    )
    max_file_bytes: ByteSize = Field(
        default=ByteSize(0),
        validation_alias="SIMULCAST_MAX_FILE_BYTES",
        description="size of the largest file that is downloaded; 0 for any",
    )
    min_free_bytes: ByteSize = Field(
        default=ByteSize(100_000_000),
        validation_alias="SIMULCAST_MIN_FREE_BYTES",
        description="bytes of the download folder's disk that downloads leave free",
    )
    proxies: Annotated[tuple[str, ...], NoDecode, BeforeValidator(split_commas), AfterValidator(_proxy_origins)] = (
        Field(
            default=(),
            validation_alias="SIMULCAST_DOWNLOAD_PROXIES",
            description="proxies, separated by commas, that a download may ask for; what they reach is for them to say",
        )
    )
