"""The settings of `simulcast up` beside its flags."""

from pathlib import Path

from pydantic import Field

from simulcast.access_settings import ExposureSettings


class UpSettings(ExposureSettings):
    """Read once, when the command starts."""

    download_dir: Path = Field(
        default=Path("downloads"), validation_alias="SIMULCAST_DOWNLOAD_DIR", description="where downloads go"
    )
