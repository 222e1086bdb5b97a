"""A front-end's settings."""

import ipaddress
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints
from pydantic_settings import NoDecode

from simulcast.settings.access import AccessSettings
from simulcast.settings.shared import split_commas


def _network(text: str) -> str:
    """Normalize an IP address or network. Raises ValueError for any other text."""
    return str(ipaddress.ip_network(text)) if "/" in text else str(ipaddress.ip_address(text))


_Network = Annotated[str, AfterValidator(_network)]
_Name = Annotated[str, StringConstraints(to_lower=True)]


class FrontEndSettings(AccessSettings):
    """Everything that a front-end reads from the environment."""

    host: str = Field(
        default="127.0.0.1",
        validation_alias="SIMULCAST_HOST",
        description="address that the front-end listens on for clients",
    )
    port: int = Field(
        default=8080,
        ge=1,
        le=65535,
        validation_alias="SIMULCAST_PORT",
        description="port that the front-end listens on for clients",
    )
    allowed_hosts: Annotated[tuple[_Name, ...], NoDecode, BeforeValidator(split_commas)] = Field(
        default=(),
        validation_alias="SIMULCAST_ALLOWED_HOSTS",
        description="host names, separated by commas, under which clients reach the service, besides localhost and "
        "IP addresses; * allows any. Requests for other names are refused, against DNS rebinding",
    )

    files_dir: str = Field(
        default="",
        validation_alias="SIMULCAST_FILES_DIR",
        description="folder that workers download into, as the front-end sees it; the front-end serves the files of "
        "complete downloads from it. Empty: no files are served",
    )

    compression: bool = Field(
        default=False,
        validation_alias="SIMULCAST_COMPRESSION",
        description="whether clients that offer permessage-deflate get compressed batches: less traffic, more CPU",
    )
    admin_host: str = Field(
        default="127.0.0.1",
        validation_alias="SIMULCAST_ADMIN_HOST",
        description="address of the admin port; everyone who reaches it may read /metrics, without a token",
    )
    admin_port: int = Field(
        default=0,
        ge=0,
        le=65535,
        validation_alias="SIMULCAST_ADMIN_PORT",
        description="port for [/metrics](metrics.md), separate from the clients' port. 0: none; `simulcast up` then "
        "takes any free one",
    )
    drain_s: float = Field(
        default=5.0,
        ge=0,
        le=10,
        validation_alias="SIMULCAST_DRAIN_S",
        description="seconds within which clients are disconnected in waves after SIGTERM (fewer for few clients). "
        "Set the stop time-out of Docker or systemd at least 10 s higher",
    )
    connections_per_address: int = Field(
        default=1000,
        ge=0,
        validation_alias="SIMULCAST_CONNECTIONS_PER_ADDRESS",
        description="maximum number of connections of one address (in IPv6, of one /64); 0 for no limit. "
        "Connections from this machine and from proxies are not counted; the clients behind a proxy are",
    )
    proxies: Annotated[tuple[_Network, ...], NoDecode, BeforeValidator(split_commas)] = Field(
        default=("127.0.0.1", "::1"),
        validation_alias="SIMULCAST_PROXIES",
        description="addresses and networks, separated by commas, of trusted reverse proxies: their X-Forwarded-For "
        "and X-Forwarded-Proto are believed",
    )
