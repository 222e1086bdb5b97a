"""A front-end's settings."""

import ipaddress
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints
from pydantic_settings import NoDecode

from simulcast.settings.access import AccessSettings
from simulcast.settings.shared import split_commas


def _network(text: str) -> str:
    """Raises ValueError for what is no address and no network."""
    return str(ipaddress.ip_network(text)) if "/" in text else str(ipaddress.ip_address(text))


_Network = Annotated[str, AfterValidator(_network)]
_Name = Annotated[str, StringConstraints(to_lower=True)]


class FrontEndSettings(AccessSettings):
    """Read once, when the program starts."""

    host: str = Field(
        default="127.0.0.1", validation_alias="SIMULCAST_HOST", description="address on which clients connect"
    )
    port: int = Field(
        default=8080,
        ge=1,
        le=65535,
        validation_alias="SIMULCAST_PORT",
        description="port on which clients connect",
    )
    allowed_hosts: Annotated[tuple[_Name, ...], NoDecode, BeforeValidator(split_commas)] = Field(
        default=(),
        validation_alias="SIMULCAST_ALLOWED_HOSTS",
        description="names, separated by commas, by which the service is reached beside localhost and IP addresses; "
        "* for any (a name that isn't listed is refused: DNS rebinding)",
    )

    files_dir: str = Field(
        default="",
        validation_alias="SIMULCAST_FILES_DIR",
        description="the folder that workers download into, as the front-end sees it: then it serves the files of what "
        "is complete; empty: it serves none",
    )

    compression: bool = Field(
        default=False,
        validation_alias="SIMULCAST_COMPRESSION",
        description="whether clients that offer permessage-deflate get compressed batches: less traffic, more CPU",
    )
    admin_host: str = Field(
        default="127.0.0.1",
        validation_alias="SIMULCAST_ADMIN_HOST",
        description="address of the admin port; who reaches it may read /metrics, without a token",
    )
    admin_port: int = Field(
        default=0,
        ge=0,
        le=65535,
        validation_alias="SIMULCAST_ADMIN_PORT",
        description="port for [/metrics](metrics.md), apart from the clients'; 0: none, except with `simulcast up`",
    )
    drain_s: float = Field(
        default=5.0,
        ge=0,
        le=10,
        validation_alias="SIMULCAST_DRAIN_S",
        description="seconds in which clients are sent away in waves when the process is told to end; few of them "
        "at once. What ends the process must wait 10 s longer",
    )
    connections_per_address: int = Field(
        default=1000,
        ge=0,
        validation_alias="SIMULCAST_CONNECTIONS_PER_ADDRESS",
        description="connections that one address may have (of IPv6: one /64); 0 for any number. This machine's "
        "own don't count, nor do a proxy's: those whom it forwards do",
    )
    proxies: Annotated[tuple[_Network, ...], NoDecode, BeforeValidator(split_commas)] = Field(
        default=("127.0.0.1", "::1"),
        validation_alias="SIMULCAST_PROXIES",
        description="addresses and networks, separated by commas, of proxies in front, whose X-Forwarded-For and "
        "X-Forwarded-Proto are believed",
    )
