"""Settings that every program shares. Each program's class extends this one; read once, passed down."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Literal, TypeVar

from pydantic import AfterValidator, Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from simulcast.errors import SettingRefused
from simulcast.store.url import redacted_url, validate

Kind = TypeVar("Kind", bound="SharedSettings")
URL_FILE = "redis.url"


def split_commas(value: object) -> object:
    """Text from the environment as a tuple of what its commas separate; anything else as it is."""
    return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value


class SharedSettings(BaseSettings):
    """From the environment; a command's flags override."""

    model_config = SettingsConfigDict(
        frozen=True, extra="ignore", populate_by_name=True, hide_input_in_errors=True
    )  # what is wrong may hold a password

    redis_url: Annotated[str, AfterValidator(validate)] = Field(
        default="",
        validation_alias="REDIS_URL",
        description="Redis ≥ 7 or Valkey ≥ 7.2: redis://…, rediss://…, unix:///…, redis+sentinel://… or "
        "redis+cluster://… ([what each looks like](scale.md#addresses)). Empty: the server that `simulcast up` runs "
        "from ./data, else redis://localhost:6379/0",
    )
    log: Literal["debug", "info", "warning", "error"] = Field(
        default="info", validation_alias="SIMULCAST_LOG", description="how much is logged"
    )

    def resolved_redis_url(self, data: Path = Path("data")) -> str:
        """The address to use: the setting, else what an embedded server wrote into `data`, else the usual port."""
        if self.redis_url:
            return self.redis_url
        written = data / URL_FILE
        try:
            return written.read_text(encoding="utf-8").strip() or "redis://localhost:6379/0"
        except FileNotFoundError:
            return "redis://localhost:6379/0"


def explain(error: ValidationError) -> str:
    """The first setting that makes no sense: its name, its value and why, in a line."""
    first = error.errors(include_url=False)[0]
    name, given = first["loc"][0], first.get("input")
    return f"{name}={redacted_url(str(given)) if name == 'REDIS_URL' else given}: {first['msg']}"


def inspect_settings(kind: type[Kind], check: Callable[[Kind], object]) -> str:
    """For `simulcast doctor`: JSON with the `names` that the class reads and the `mistake` in their values, or "".

    `check`: what else must hold for the program to start; raises SettingRefused.
    """
    mistake = ""
    try:
        check(kind())
    except SettingRefused as error:
        mistake = str(error)
    except ValidationError as error:
        mistake = explain(error)
    return json.dumps({"names": [field.validation_alias for field in kind.model_fields.values()], "mistake": mistake})
