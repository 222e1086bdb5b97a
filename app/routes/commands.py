"""Requests that are commands, and their answer."""

from typing import Annotated, Literal

from fastapi import Query
from pydantic import BaseModel
from starlette.convertors import PathConvertor, register_url_convertor

from simulcast.frontend.routes import openapi_errors


class AnyIdConvertor(PathConvertor):
    """An id in a path, as `{job_id:any_id}`: people choose it, so it may have slashes, which clients percent-encode."""

    regex = "(?s:.+)"


register_url_convertor("any_id", AnyIdConvertor())
NOT_NOW = openapi_errors(404, 409)
CommandId = Annotated[str, Query(max_length=100)]


class Accepted(BaseModel):
    """The command is recorded."""

    status: Literal["accepted"] = "accepted"
