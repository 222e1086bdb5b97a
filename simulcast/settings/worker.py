"""A worker's settings."""

import base64
import re
from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, ByteSize, Field

from simulcast.errors import SettingRefused
from simulcast.model.channel import DEFAULT_CHANNEL
from simulcast.model.channel_patterns import ChannelPatterns
from simulcast.model.download_url import validate_url
from simulcast.settings.shared import Separated, SharedSettings

MAX_WEBHOOKS = 8  # likewise of SIMULCAST_NOTIFY
_SECRET_PREFIX = "whsec_"  # noqa: S105 (of all secrets)
_SECRET_FORM = "whsec_ and 24 to 64 bytes in base64: echo whsec_$(openssl rand -base64 32)"  # noqa: S105
Bytes = Annotated[ByteSize, Field(le=10**18)]  # a larger number has no use, and no place in calculations of speeds


def _check_proxies(proxies: tuple[str, ...]) -> tuple[str, ...]:
    """Return the proxies unchanged. Raises ValueError for one that is no URL, or has a user name or password."""
    for proxy in proxies:
        try:
            parts = urlsplit(proxy)
            place = parts.hostname is not None and parts.port != 0 and parts.netloc
        except ValueError:  # it may show a password that a comma cut off
            place = None
        is_known = bool(place) and parts.scheme in ("http", "https", "socks5", "socks5h")
        if not is_known or re.fullmatch(r"[A-Za-z0-9_.:\[\]-]+", parts.netloc) is None:
            raise ValueError(
                "each looks like http://proxy.example:3128 or socks5://proxy.example:1080, "
                "without user name and password"
            )
    return proxies


def _check_webhooks(addresses: tuple[str, ...]) -> tuple[str, ...]:
    """Return the addresses unchanged. Raises ValueError, which shows none of them."""
    if len(addresses) > MAX_WEBHOOKS or any("\n" in address for address in addresses):
        raise ValueError(f"at most {MAX_WEBHOOKS} addresses, separated by commas")
    for number, address in enumerate(addresses, 1):
        try:
            validate_url(address)
        except ValueError as error:
            raise ValueError(f"number {number} of the addresses {error}") from None
    return addresses


def _check_absolute(folder: str) -> str:
    """Return an absolute path, of any operating system, or "" unchanged. Raises ValueError for a relative path."""
    if folder and not (PurePosixPath(folder).is_absolute() or PureWindowsPath(folder).is_absolute()):
        raise ValueError("a relative path names a different folder in each process: give an absolute path")
    return folder


def _check_channels(channels: tuple[str, ...]) -> tuple[str, ...]:
    """Return the channels, the default one where there are none. Raises ValueError for text that names none."""
    ChannelPatterns.parse(channels)
    return channels or (DEFAULT_CHANNEL,)


def _parse_secret(secret: str) -> bytes:
    """Return the bytes of a secret. Raises ValueError for text of another form."""
    key = base64.b64decode(secret.removeprefix(_SECRET_PREFIX), validate=True)
    if not secret.startswith(_SECRET_PREFIX) or not 24 <= len(key) <= 64:
        raise ValueError("no secret")
    return key


class WorkerSettings(SharedSettings):
    """Everything that a worker reads from the environment."""

    download_dir: Path = Path("downloads")
    """Folder that files are downloaded into."""

    public_download_dir: Annotated[str, AfterValidator(_check_absolute)] = ""
    """Absolute path of that folder as clients know it, for `file_path` in events, if the worker runs in a container.
    Empty: the path that the worker sees, or `SIMULCAST_HOST_DOWNLOAD_DIR`."""

    host_download_dir: Annotated[str, AfterValidator(_check_absolute)] = ""
    """Absolute path that the folder probably has outside of the worker's container, as docker-compose.yml sets it.
    Where its mount shows another one, clients get that."""

    allow_networks: Separated[IPv4Network | IPv6Network] = ()
    """Private networks that downloads may reach, as CIDRs separated by commas."""

    worker_channels: Annotated[Separated[str], AfterValidator(_check_channels)] = (DEFAULT_CHANNEL,)
    """Channels whose downloads the worker carries out, separated by commas: names, and beginnings of names such as
    `team-*`. Those of SIMULCAST_USER_CHANNELS are among them. The files of each channel but `downloads` get a folder of
    their own, `channels/<channel>`."""

    sftp_known_hosts: str = ""
    """File of the keys of SFTP servers, as `~/.ssh/known_hosts`; without it no file is downloaded by SFTP."""

    webhooks: Annotated[Separated[str], AfterValidator(_check_webhooks)] = Field(default=(), repr=False)
    """Addresses, separated by commas, that are told of every end in the worker's channels, by a signed POST: see
    [webhooks](webhooks.md). The same for all workers, as the secret is."""

    webhook_secret: str = Field(default="", repr=False)
    """Secret that signs webhooks: `whsec_` and 24 to 64 bytes in base64. Two, separated by a comma, while receivers
    change to the second one."""

    on_end: Annotated[str, AfterValidator(_check_absolute)] = ""
    """Absolute path of a program that is run at every end, with members of the event in its environment: see
    [webhooks](webhooks.md#a-script). The same for all workers."""

    notify: Separated[str] = Field(default=(), repr=False, max_length=MAX_WEBHOOKS)
    """Services that tell people of every end, separated by commas, as [Apprise](https://appriseit.com) writes them:
    `ntfy://example.com/topic`; see [webhooks](webhooks.md#people). The same for all workers."""

    lease_s: float = Field(default=15.0, ge=1, le=3600)
    """Seconds after which another worker takes over the downloads of a worker that no longer responds."""

    max_concurrent_downloads: int = Field(default=4, ge=1, le=100)
    """Maximum number of simultaneous downloads of a worker."""

    downloads_per_host: int = Field(default=4, ge=1, le=100)
    """Maximum number of simultaneous downloads of a worker from one server."""

    connections_per_download: int = Field(default=4, ge=1, le=32)
    """Maximum number of simultaneous connections for one large file, if its server supports ranges."""

    connections_per_host: int = Field(default=8, ge=1, le=256)
    """Maximum number of simultaneous connections of a worker to one server. Beyond it each download keeps its first
    connection and gets no further ones."""

    max_speed: Bytes = ByteSize(0)
    """Maximum bytes per second for all downloads of a worker together, such as 4MB or 500KiB; 0 for no limit."""

    min_speed: Bytes = ByteSize(100)
    """Minimum bytes per second. A download that is slower for twice SIMULCAST_READ_TIMEOUT_S is retried later."""

    read_timeout_s: float = Field(default=30.0, gt=0, le=3600)
    """Seconds without data from a server after which the download is retried later."""

    retries: int = Field(default=10, ge=0, le=1000)
    """Maximum number of retries in a row of a download that failed for a temporary reason."""

    retry_base_delay_s: float = Field(default=1.0, gt=0, le=300)
    """Seconds before the first retry. The delay doubles with each retry, up to five minutes; jitter shortens it by up
    to a half."""

    max_file_bytes: Bytes = ByteSize(0)
    """Size of the largest file that is downloaded, such as 20GB; 0 for no limit."""

    min_free_bytes: Bytes = ByteSize(100_000_000)
    """Space on the disk of the download folder that downloads leave free."""

    keep_modified_time: bool = True
    """Give a file the time at which it was last changed on its server."""

    download_proxies: Annotated[Separated[str], AfterValidator(_check_proxies)] = ()
    """Proxies, separated by commas, that a download may name. The proxy decides which addresses it reaches, not
    SIMULCAST_ALLOW_NETWORKS."""

    def webhook_keys(self) -> Sequence[bytes]:
        """Return the keys of the secrets. Raises SettingRefused, which shows none of them."""
        try:
            keys = [_parse_secret(secret.strip()) for secret in self.webhook_secret.split(",") if secret.strip()]
        except ValueError:
            raise SettingRefused(f"SIMULCAST_WEBHOOK_SECRET is none: {_SECRET_FORM}") from None
        if self.webhooks and not keys:
            raise SettingRefused(f"SIMULCAST_WEBHOOKS needs SIMULCAST_WEBHOOK_SECRET, {_SECRET_FORM}")
        return keys

    @property
    def channels(self) -> ChannelPatterns:
        """All channels whose downloads the worker carries out."""
        users = (f"{self.user_channels}*",) if self.user_channels else ()
        return ChannelPatterns.parse([*self.worker_channels, *users])
