"""A worker's settings."""

from pathlib import Path
from typing import Annotated

from pydantic import BeforeValidator, Field
from pydantic_settings import NoDecode

from simulcast.settings import SharedSettings, separated
from workers.addresses import Networks


class WorkerSettings(SharedSettings):
    """Read once, when the program starts."""

    download_dir: Path = Field(
        default=Path("downloads"), validation_alias="SIMULCAST_DOWNLOAD_DIR", description="where files go"
    )
    allow_networks: Annotated[Networks, NoDecode, BeforeValidator(separated)] = Field(
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
    at_once: int = Field(
        default=4,
        ge=1,
        le=100,
        validation_alias="SIMULCAST_DOWNLOADS_AT_ONCE",
        description="downloads at once a worker",
    )
