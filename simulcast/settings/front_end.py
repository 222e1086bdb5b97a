"""A front-end's settings."""

import ipaddress
import re
from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from simulcast.errors import SettingRefused
from simulcast.model.origin import host_and_port, is_loopback_origin
from simulcast.settings.access import WAYS_TO_VERIFY, AccessSettings
from simulcast.settings.shared import Separated


def _network(text: str) -> str:
    """Normalize an IP address or network. Raises ValueError for any other text, and does not repeat it."""
    try:
        return str(ipaddress.ip_network(text)) if "/" in text else str(ipaddress.ip_address(text))
    except ValueError:
        raise ValueError("each is an IP address, or a network such as 10.0.0.0/8 with no bits set behind it") from None


_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*")  # RFC 3986, §3.1


def _origin(text: str) -> str:
    """Normalize an origin, or the pattern of several. Raises ValueError for any other text."""
    origin = text.lower()
    kind, separator, netloc = origin.partition("://")
    if origin == "*" or (separator and _SCHEME.fullmatch(kind) and host_and_port(netloc.removesuffix(":*"), kind)[0]):
        return origin
    raise ValueError(
        "each is an origin without a path, such as https://app.example.com, one with any port, such as "
        "http://localhost:*, or * for all"
    )


def _host(text: str) -> str:
    """Normalize a host name, or * for any. Raises ValueError for any other text, which no request would ever match."""
    name = text.lower()
    if name == "*" or (name.isascii() and host_and_port(name, "http") == (name.strip("[]"), 80)):
        return name
    raise ValueError("each is a host name without scheme, port and path, such as app.example.com, or * for any")


_Origin = Annotated[str, AfterValidator(_origin)]
_Network = Annotated[str, AfterValidator(_network)]
_Name = Annotated[str, AfterValidator(_host)]


class FrontEndSettings(AccessSettings):
    """Everything that a front-end reads from the environment."""

    host: str = "127.0.0.1"
    """Address that the front-end listens on for clients."""

    port: int = Field(default=8080, ge=1, le=65535)
    """Port that the front-end listens on for clients."""

    allowed_hosts: Separated[_Name] = ()
    """Host names, separated by commas, under which clients reach the service, besides localhost and IP addresses; *
    allows any. Requests for other names are refused, against DNS rebinding."""

    allowed_origins: Separated[_Origin] = ()
    """Origins of pages elsewhere that may use the service, separated by commas: `https://app.example.com`,
    `http://build.example.com:*` with any port, `capacitor://localhost`, `chrome-extension://…`, or * for all. Pages of
    this machine may without it. It needs tokens, or SIMULCAST_OPEN_TO_EVERYONE: see
    [pages of other origins](protocol.md#pages-of-other-origins)."""

    files_dir: str = ""
    """Folder that workers download into, as the front-end sees it; the front-end serves the files of complete downloads
    from it. Empty: no files are served."""

    compression: bool = False
    """Compress batches for clients that offer permessage-deflate: less traffic, more CPU."""

    latency_first: bool = False
    """Send events sooner under load, for up to 80 % of a processor; otherwise sending takes up to 36 % of it, and
    events wait a little to leave together: see [the choice](decisions/rest-after-a-flush.md)."""

    admin_host: str = "127.0.0.1"
    """Address of the admin port; everyone who reaches it may read /metrics, without a token."""

    admin_port: int = Field(default=0, ge=0, le=65535)
    """Port for [/metrics](metrics.md), separate from the clients' port. 0: none; `simulcast up` then takes any free
    one."""

    access_log: bool = False
    """Log each request, and each connection of a client when it ends, at the level info."""

    drain_s: float = Field(default=5.0, ge=0, le=10)
    """Seconds within which clients are disconnected in waves after SIGTERM (fewer for few clients). Set the stop
    time-out of Docker or systemd at least 10 s higher."""

    connections_per_address: int = Field(default=1000, ge=0)
    """Maximum number of connections of one address (in IPv6, of one /64); 0 for no limit. Connections from this machine
    and from proxies are not counted; the clients behind a proxy are."""

    proxies: Separated[_Network] = ("127.0.0.1", "::1")
    """Addresses and networks, separated by commas, of trusted reverse proxies: their X-Forwarded-For and
    X-Forwarded-Proto are believed."""

    @model_validator(mode="after")
    def _check_origins(self) -> Self:
        """Raise SettingRefused where pages of other sites could do everything and no setting says that they may."""
        foreign = [origin for origin in self.allowed_origins if not is_loopback_origin(origin.removesuffix(":*"))]
        if foreign and not self.has_tokens and not self.open_to_everyone:
            raise SettingRefused(
                f"SIMULCAST_ALLOWED_ORIGINS={','.join(foreign)[:200]}: without tokens, each visitor of such a page "
                f"lets it watch and command all downloads. Set {WAYS_TO_VERIFY}, or SIMULCAST_OPEN_TO_EVERYONE=true if "
                "that is intended"
            )
        return self
