"""A front-end's settings."""

import ipaddress
from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints

from simulcast.settings.access import AccessSettings
from simulcast.settings.shared import Separated


def _network(text: str) -> str:
    """Normalize an IP address or network. Raises ValueError for any other text, and does not repeat it."""
    try:
        return str(ipaddress.ip_network(text)) if "/" in text else str(ipaddress.ip_address(text))
    except ValueError:
        raise ValueError("each is an IP address, or a network such as 10.0.0.0/8 with no bits set behind it") from None


_Network = Annotated[str, AfterValidator(_network)]
_Name = Annotated[str, StringConstraints(to_lower=True)]


class FrontEndSettings(AccessSettings):
    """Everything that a front-end reads from the environment."""

    host: str = "127.0.0.1"
    """Address that the front-end listens on for clients."""

    port: int = Field(default=8080, ge=1, le=65535)
    """Port that the front-end listens on for clients."""

    allowed_hosts: Separated[_Name] = ()
    """Host names, separated by commas, under which clients reach the service, besides localhost and IP addresses; *
    allows any. Requests for other names are refused, against DNS rebinding."""

    files_dir: str = ""
    """Folder that workers download into, as the front-end sees it; the front-end serves the files of complete downloads
    from it. Empty: no files are served."""

    compression: bool = False
    """Compress batches for clients that offer permessage-deflate: less traffic, more CPU."""

    admin_host: str = "127.0.0.1"
    """Address of the admin port; everyone who reaches it may read /metrics, without a token."""

    admin_port: int = Field(default=0, ge=0, le=65535)
    """Port for [/metrics](metrics.md), separate from the clients' port. 0: none; `simulcast up` then takes any free
    one."""

    drain_s: float = Field(default=5.0, ge=0, le=10)
    """Seconds within which clients are disconnected in waves after SIGTERM (fewer for few clients). Set the stop
    time-out of Docker or systemd at least 10 s higher."""

    connections_per_address: int = Field(default=1000, ge=0)
    """Maximum number of connections of one address (in IPv6, of one /64); 0 for no limit. Connections from this machine
    and from proxies are not counted; the clients behind a proxy are."""

    proxies: Separated[_Network] = ("127.0.0.1", "::1")
    """Addresses and networks, separated by commas, of trusted reverse proxies: their X-Forwarded-For and
    X-Forwarded-Proto are believed."""
