"""`GET` and `PUT /limits`: the limits of all workers together, and their timetable."""

import time

from fastapi import APIRouter, Depends, Request

from app.access.permissions import require_scope_anywhere
from app.routes.audited import AuditedRoute
from app.routes.bodies import WRITING, RunningServices, body_schema, parse_body
from simulcast.frontend.routes import openapi_errors
from simulcast.model.limits import Limits, LimitsNow

router = APIRouter(responses=openapi_errors(400, 421))
_reading = APIRouter(
    dependencies=[Depends(require_scope_anywhere("watch"))], responses=openapi_errors(401, 403, 422, 503)
)
_writing = APIRouter(
    route_class=AuditedRoute, dependencies=[Depends(require_scope_anywhere("admin"))], responses=WRITING
)


@_reading.head("/limits", include_in_schema=False)
@_reading.get("/limits")
async def read_limits(services: RunningServices) -> LimitsNow:
    """Return the limits of all workers together, and those that hold now."""
    return LimitsNow.of(await services.limits.read(), time.time())


@_writing.put("/limits", openapi_extra=body_schema(Limits))
async def set_limits(request: Request, services: RunningServices) -> LimitsNow:
    """Replace the limits of all workers together, which follow within two seconds. A member left out is no limit.

    Downloads that run go on where fewer are allowed from now on, and none begins.
    """
    limits = await parse_body(Limits, request)
    await services.limits.set(limits)
    return LimitsNow.of(limits, time.time())


for _router in (_reading, _writing):
    router.include_router(_router)
