"""A worker's settings."""

from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field
from pydantic_settings import NoDecode

from simulcast.settings import SharedSettings, separated
from workers.addresses import Networks


def absolute(folder: str) -> str:
    """`folder` as it is: an absolute path, of any system, or nothing. Raises ValueError for a relative one."""
    if folder and not (PurePosixPath(folder).is_absolute() or PureWindowsPath(folder).is_absolute()):
        raise ValueError("a relative path means another folder to each reader: write it from the root on")
    return folder


class WorkerSettings(SharedSettings):
    """Read once, when the program starts."""

    download_dir: Path = Field(
        default=Path("downloads"), validation_alias="SIMULCAST_DOWNLOAD_DIR", description="where files go"
    )
    public_download_dir: Annotated[str, AfterValidator(absolute)] = Field(
        default="",
        validation_alias="SIMULCAST_PUBLIC_DOWNLOAD_DIR",
        description="that folder as clients are told it in `file_path`, for a worker in a container: an absolute path; "
        "empty: as the worker sees it",
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
