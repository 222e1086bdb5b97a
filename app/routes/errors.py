"""How a request is refused: a status, and `detail` with what was wrong, with which input, and what to do."""

from collections.abc import Mapping, Sequence
from typing import Any

from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.requests import Request


class Problem(BaseModel):
    """What was wrong, with which input, and what to do."""

    detail: str


def openapi_errors(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """For the OpenAPI description of a route: it may answer with these, too."""
    return {status: {"model": Problem} for status in statuses}


def first_error(errors: Sequence[Mapping[str, Any]]) -> str:
    """Pydantic's first complaint: which member or parameter, and why."""
    first = errors[0]
    where = ".".join(str(part) for part in first["loc"] if part not in ("query", "path")) or "the body"
    return f"{where}: {first['msg'].removeprefix('Value error, ')}"


async def validation_error_handler(_: Request, error: Exception) -> JSONResponse:
    """For a query or a path that makes no sense, in the place of FastAPI's list, which repeats all of the input."""
    assert isinstance(error, RequestValidationError)  # noqa: S101 (it is registered for this one)
    return JSONResponse({"detail": first_error(error.errors())}, 422)
