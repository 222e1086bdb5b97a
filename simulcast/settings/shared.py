"""Settings that several programs share. Each program's class extends one of these."""

import os
import re
from typing import Annotated, Literal, TypeVar

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints, model_validator

from simulcast.errors import SettingRefused
from simulcast.model.download_url import WEB, Scheme
from simulcast.settings.redis import RedisSettings

RENAMED = {
    "SIMULCAST_SILENCE_S": "SIMULCAST_READ_TIMEOUT_S",
    "SIMULCAST_RETRY_FIRST_S": "SIMULCAST_RETRY_BASE_DELAY_S",
    "SIMULCAST_DOWNLOADS_AT_ONCE": "SIMULCAST_MAX_CONCURRENT_DOWNLOADS",
    "SIMULCAST_KEEP_FREE_BYTES": "SIMULCAST_MIN_FREE_BYTES",
    "SIMULCAST_FILES": "SIMULCAST_FILES_DIR",
}  # old name: new name


def split_commas(value: object) -> object:
    """Split text from the environment at its commas into a tuple; return anything else unchanged."""
    return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value


def _check_user_channels(prefix: str) -> str:
    """Return the prefix unchanged. Raises ValueError for one that other channels' names may begin with."""
    if prefix and re.fullmatch(r"[A-Za-z0-9_.:-]{0,29}[._:-]", prefix, re.ASCII) is None:
        raise ValueError("at most 30 of A-Z a-z 0-9 _ . : -, and the last one none of a letter or digit: user.")
    return prefix


_Item = TypeVar("_Item")
Separated = Annotated[tuple[_Item, ...], BeforeValidator(split_commas)]


class SharedSettings(RedisSettings):
    """The settings of every program that is started: front-ends, workers, `simulcast up`."""

    log: Literal["debug", "info", "warning", "error"] = "info"
    """Least severe level that is logged."""

    log_format: Literal["text", "json"] = "text"
    """Form of the log: lines of text, or a JSON object on each line."""

    tracing_url: Annotated[str, StringConstraints(pattern=r"^(https?://.+)?$")] = Field(default="", repr=False)
    """Address of a receiver of OpenTelemetry, which gets spans by OTLP over HTTP: `http://localhost:4318/v1/traces`;
    see [traces](metrics.md#traces). It needs the extra `tracing`. Empty: no spans are made."""

    download_schemes: Separated[Scheme] = WEB
    """Kinds of URL that may be downloaded, of http, https, ftp, ftps and sftp, the same for front-ends and workers."""

    user_channels: Annotated[str, AfterValidator(_check_user_channels)] = ""
    """Beginning of the names of users' own channels, such as `user.`: a token with `sub` and without `channels` is for
    the channel of its user alone, `user.alice`; see [users](access.md#users). The same for front-ends and workers."""

    @model_validator(mode="before")
    @classmethod
    def _refuse_old_names(cls, values: object) -> object:
        """Raise SettingRefused for a setting by its old name, which would otherwise be ignored in silence."""
        for name in os.environ:
            if new_name := RENAMED.get(name.upper()):
                raise SettingRefused(f"{name} is called {new_name} now: set that one instead, and unset {name}")
        return values
