"""Bodies of requests: read, parsed and described."""

from typing import Annotated, Any, TypeVar, cast

from fastapi import Depends, HTTPException, Request
from pydantic import BaseModel, ValidationError
from starlette.requests import ClientDisconnect

from simulcast.frontend import FrontEnd
from simulcast.frontend.routes import openapi_errors
from simulcast.frontend.services import Services
from simulcast.model.repeated import check_members, check_unique
from simulcast.model.requests import first_error
from simulcast.model.trace_context import parse_traceparent

WRITING = openapi_errors(401, 403, 413, 415, 422, 503)


def running_services(request: Request) -> Services:
    """Return the parts of this process's front-end. Raises BrokerUnavailable while they start again."""
    return cast(FrontEnd, request.app.state.front_end).services


async def _depend_on_services(request: Request) -> Services:
    """As `running_services`; FastAPI calls what is no coroutine in a thread."""
    return running_services(request)


RunningServices = Annotated[Services, Depends(_depend_on_services)]


def traceparent_of(request: Request) -> str:
    """Return the request's header, "" without one that is valid."""
    return parse_traceparent(request.headers.get("traceparent"))


async def read_body(request: Request) -> bytes:
    """Return the body, which later calls return again. Raises HTTPException."""
    try:
        return await request.body()
    except ClientDisconnect as error:  # the response reaches nobody, and the log needs no traceback
        raise HTTPException(400, "the connection ended before the body did") from error


def body_schema(model: type[BaseModel]) -> dict[str, Any]:
    """Describe for OpenAPI a body that a route parses itself; `app.routes.openapi` has its definition."""
    reference = {"$ref": f"#/components/schemas/{model.__name__}"}
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": reference}}}}


Body = TypeVar("Body", bound=BaseModel)


async def parse_body(model: type[Body], request: Request) -> Body:
    """Return the body as the model. Raises HTTPException 422."""
    # FastAPI's own parser answers deeply nested JSON with 500.
    try:
        context, text = {"schemes": running_services(request).schemes}, await read_body(request)
        body = model.model_validate_json(text, context=context)
        check_members(text)
    except ValidationError as error:
        raise HTTPException(422, first_error(error.errors(include_url=False, include_context=False))) from error
    except ValueError as error:
        raise HTTPException(422, str(error)) from error
    return body


async def check_query(request: Request) -> None:
    """Refuse a query with a parameter that stands there twice: no route here takes a list. Raises HTTPException."""
    try:
        check_unique(name for name, _ in request.query_params.multi_items())
    except ValueError as error:
        raise HTTPException(422, str(error)) from error
