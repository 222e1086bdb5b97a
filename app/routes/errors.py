"""The answers to requests that fail: a status, and `detail` with the input, the reason and the remedy."""

from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.requests import Request

from simulcast.frontend.services import RETRY_AFTER
from simulcast.model.requests import first_error


async def unavailable_handler(_: Request, error: Exception) -> JSONResponse:
    """Answer while Redis is away, or the front-end starts again."""
    return JSONResponse({"detail": str(error)}, 503, RETRY_AFTER)


async def validation_error_handler(_: Request, error: Exception) -> JSONResponse:
    """Answer for a query or a path that is not valid. FastAPI's own answer repeats all of the input."""
    assert isinstance(error, RequestValidationError)  # noqa: S101 (it is registered for this one)
    return JSONResponse({"detail": first_error(error.errors())}, 422)
