"""`GET /status`: all processes and the queue, as `simulcast top` shows them."""

from fastapi import APIRouter, Depends

from app.access.permissions import require_scope_everywhere
from app.routes.bodies import RunningServices
from simulcast.frontend.routes import openapi_errors
from simulcast.model.processes import ServiceStatus

_may_watch_all = Depends(require_scope_everywhere("watch"))
router = APIRouter(dependencies=[_may_watch_all], responses=openapi_errors(400, 401, 403, 421, 503))


@router.head("/status", include_in_schema=False)
@router.get("/status")
async def read_status(services: RunningServices) -> ServiceStatus:
    """Return all processes, the queue and the totals, at most a few seconds old.

    Without the names of channels and the addresses of the admin ports.
    """
    status = await services.status.get()
    hidden = {"admin": "", "clients_by_channel": {}}
    front_ends = [record.model_copy(update=hidden) for record in status.front_ends]
    workers = [record.model_copy(update={"channels": None}) for record in status.workers]
    return status.model_copy(update={"front_ends": front_ends, "workers": workers})
