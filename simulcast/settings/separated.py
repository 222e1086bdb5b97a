"""Settings with several values, separated by commas. Apart: a publisher's older pydantic-settings lack NoDecode."""

from typing import Annotated, TypeVar

from pydantic import BeforeValidator
from pydantic_settings import NoDecode


def split_commas(value: object) -> object:
    """Split text from the environment at its commas into a tuple; return anything else unchanged."""
    return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value


_Item = TypeVar("_Item")
Separated = Annotated[tuple[_Item, ...], NoDecode, BeforeValidator(split_commas)]
