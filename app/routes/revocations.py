"""`POST /revocations`: refuse a user's tokens, or one token, on all front-ends."""

from typing import Annotated, Self, cast

from fastapi import APIRouter, Depends, HTTPException, Request
from pydantic import BaseModel, ConfigDict, Field, model_validator

from app.access.permissions import require_scope_anywhere
from app.access.tokens import TokenVerifier
from app.routes.audited import AuditedRoute
from app.routes.bodies import WRITING, RunningServices, body_schema, parse_body
from simulcast.frontend.routes import openapi_errors
from simulcast.model.revocation import MAX_NAME_CHARS, MAX_REVOKED_S, REVOKED_S, revoked_name

router = APIRouter(
    route_class=AuditedRoute,
    dependencies=[Depends(require_scope_anywhere("admin"))],
    responses=WRITING | openapi_errors(400, 404, 421),
)
_Name = Annotated[str, Field(min_length=1, max_length=MAX_NAME_CHARS)]


class Revocation(BaseModel):
    """The tokens that are refused, and for how long: of a user (`sub`), or the one with an id (`jti`)."""

    model_config = ConfigDict(extra="forbid")

    user: _Name | None = None
    token_id: _Name | None = None
    for_s: Annotated[int, Field(strict=True, ge=1, le=MAX_REVOKED_S)] = REVOKED_S

    @model_validator(mode="after")
    def _check_one(self) -> Self:
        if (self.user is None) == (self.token_id is None):
            raise ValueError("name either user or token_id")
        return self


class Revoked(BaseModel):
    """The revocation is stored, and every front-end follows within two seconds."""

    for_s: int


@router.post("/revocations", status_code=201, openapi_extra=body_schema(Revocation))
async def revoke(request: Request, services: RunningServices) -> Revoked:
    """Refuse tokens for so long, and end the connections that they opened."""
    tokens = cast(TokenVerifier | None, request.app.state.tokens)
    if tokens is None:
        raise HTTPException(404, "no tokens are wanted here, so none can be revoked: docs/access.md")
    body = await parse_body(Revocation, request)
    name = revoked_name("sub", body.user) if body.user is not None else revoked_name("jti", body.token_id or "")
    request.state.target = name  # for the audit log
    await services.revocations.revoke(name, body.for_s)
    return Revoked(for_s=body.for_s)
