"""The settings of a program that only publishes, read from the environment without a package for that."""

import os
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from simulcast.errors import SettingRefused
from simulcast.model.events import MAX_TTL_S, SILENT_TTL_S
from simulcast.store.url import redacted_url, validate, without_user_info

PREFIX = "SIMULCAST_"
URL_FILE = "redis.url"


class RedisSettings(BaseModel):
    """The settings of a program that only publishes, and of commands that only need Redis.

    Each attribute is read from PREFIX and its name in capitals; its docstring describes it in docs/settings.md.
    """

    model_config = ConfigDict(
        use_attribute_docstrings=True,
        frozen=True,
        extra="ignore",
        populate_by_name=True,
        hide_input_in_errors=True,  # a refused value may hold a password
    )

    redis_url: Annotated[str, AfterValidator(validate)] = Field(default="", validation_alias="REDIS_URL", repr=False)
    """Address of Redis ≥ 7 or Valkey ≥ 7.2: redis://…, rediss://…, unix:///…, redis+sentinel://… or redis+cluster://…
    ([examples](scale.md#addresses)). Empty: the server that `simulcast up` runs from ./data, else
    redis://localhost:6379/0."""

    silent_ttl_s: int = Field(default=SILENT_TTL_S, ge=10, le=MAX_TTL_S)
    """Seconds without news after which progress that no worker owns, and other events with a key, leave the snapshot
    for joining clients. An event's own `ttl_s` overrides it ([publishing](publishing.md#ends-and-expiry))."""

    @classmethod
    def from_environment(cls, **flags: Any) -> Self:
        """Read the settings, in names of any case; `flags` override the environment.

        An empty value sets nothing, but an empty list.

        Raises SettingRefused, whose message names the setting, its value and the reason.
        """
        attributes = {setting_name(attribute): attribute for attribute in cls.model_fields}
        given = {name.upper(): text for name, text in os.environ.items()}
        read = {
            attribute: given[name]
            for name, attribute in attributes.items()
            if name in given and (given[name] or isinstance(cls.model_fields[attribute].default, tuple))
        }
        try:
            return cls(**(read | flags))
        except ValidationError as error:
            raise SettingRefused(explain(error)) from None  # the cause may show a password

    def resolved_redis_url(self, data: Path = Path("data")) -> str:
        """Return the setting, else the address that an embedded server wrote into `data`, else the usual port.

        Raises SettingRefused for a file there that can't be read.
        """
        if self.redis_url:
            return self.redis_url
        try:
            written = validate((data / URL_FILE).read_text(encoding="utf-8").strip())
        except (FileNotFoundError, NotADirectoryError):
            written = ""
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is no address of a Redis"
            raise SettingRefused(f"can't read {data / URL_FILE}: {reason}. Set REDIS_URL or run as its owner") from None
        return written or "redis://localhost:6379/0"


def setting_name(attribute: str) -> str:
    """Return the name in the environment of an attribute of a settings class."""
    return "REDIS_URL" if attribute == "redis_url" else f"{PREFIX}{attribute.upper()}"


def explain(error: ValidationError) -> str:
    """Describe the first refused setting in one line: its name, its value and the reason."""
    first = error.errors(include_url=False)[0]
    attribute, value = str(first["loc"][0]), first.get("input")
    if attribute == "REDIS_URL":
        return f"REDIS_URL={redacted_url(str(value))}: {first['msg']}"
    return f"{setting_name(attribute)}={without_user_info(str(value))}: {first['msg']}"
