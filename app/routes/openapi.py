"""The API's description (OpenAPI 3.1): FastAPI's, with the bodies that routes parse themselves, and with tokens."""

from typing import Any, Literal

from fastapi import FastAPI
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from app.routes.downloads import ChangeDownload, Limit
from app.routes.publish import Batch
from app.routes.revocations import Revocation
from simulcast.model.limits import Limits
from simulcast.model.requests import AddDownload

BODIES: tuple[type[BaseModel], ...] = (AddDownload, ChangeDownload, Limit, Limits, Batch, Revocation)
TOKEN_SCHEME = {
    "type": "http",
    "scheme": "bearer",
    "bearerFormat": "JWT",
    "description": "`simulcast token` makes one.",
}


def complete_openapi(app: FastAPI, *, requires_token: bool) -> None:
    """Let the description name each body, and the token of each operation that may be refused without one."""

    def describe() -> dict[str, Any]:
        is_new = app.openapi_schema is None
        schema = FastAPI.openapi(app)  # which keeps it
        if is_new:
            bodies: list[tuple[type[BaseModel], Literal["validation"]]] = [(body, "validation") for body in BODIES]
            _, definitions = models_json_schema(bodies, ref_template="#/components/schemas/{model}")
            schema["components"]["schemas"] |= definitions["$defs"]
            if requires_token:
                schema["components"]["securitySchemes"] = {"token": TOKEN_SCHEME}
                _require_token(schema)
        return schema

    app.openapi = describe  # type: ignore[method-assign]


def _require_token(schema: dict[str, Any]) -> None:
    for path in schema["paths"].values():
        for operation in path.values():
            if "401" in operation["responses"]:
                operation["security"] = [{"token": []}]
