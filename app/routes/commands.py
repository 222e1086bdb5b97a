"""Requests that are commands, and their answer."""

from typing import Annotated, Literal

from fastapi import Query
from pydantic import BaseModel

from simulcast.frontend.routes import openapi_errors

NOT_NOW = openapi_errors(404, 409)
CommandId = Annotated[str, Query(max_length=100)]


class Accepted(BaseModel):
    """The command is recorded."""

    status: Literal["accepted"] = "accepted"
