"""A front-end's settings."""

from typing import Annotated

from pydantic import BeforeValidator, Field, StringConstraints
from pydantic_settings import NoDecode

from simulcast.exposure import ExposureSettings
from simulcast.settings import separated

_Name = Annotated[str, StringConstraints(to_lower=True)]


class FrontEndSettings(ExposureSettings):
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
    allowed_hosts: Annotated[tuple[_Name, ...], NoDecode, BeforeValidator(separated)] = Field(
        default=(),
        validation_alias="SIMULCAST_ALLOWED_HOSTS",
        description="names, separated by commas, by which the service is reached beside localhost and IP addresses; "
        "* for any (a name that isn't listed is refused: DNS rebinding)",
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
