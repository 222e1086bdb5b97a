"""The routes of jobs that are no downloads."""

from typing import Annotated

from fastapi import APIRouter, Depends, HTTPException, Query, Response

from app.access.permissions import Access, require_scope_in_query
from app.routes.audited import AuditedRoute
from app.routes.bodies import WRITING, RunningServices
from app.routes.commands import NOT_NOW, Accepted, CommandId
from app.routes.lists import ListAnswer, encode_list
from simulcast.frontend.routes import openapi_errors
from simulcast.frontend.services import Services
from simulcast.model.commands import JobCommand
from simulcast.model.own_job import OwnJobRecord
from simulcast.model.requests import ListJobs

router = APIRouter(responses=openapi_errors(400, 421))
_watching = APIRouter(responses=openapi_errors(401, 403, 422, 503))
_commanding = APIRouter(route_class=AuditedRoute, responses=WRITING)
MayWatch = Annotated[Access, Depends(require_scope_in_query("watch"))]
MayCommand = Annotated[Access, Depends(require_scope_in_query("command"))]


class OwnJobs(ListAnswer):
    """One page of jobs."""

    jobs: list[OwnJobRecord]


@_watching.head("/jobs", include_in_schema=False)
@_watching.get("/jobs", response_model=OwnJobs)
async def list_jobs(
    services: RunningServices,
    access: MayWatch,
    query: Annotated[ListJobs, Query()],
) -> Response:
    """List jobs, the newest first, a page at a time. A job that ended stays for a day."""
    return encode_list("jobs", await services.own_jobs_in(access.channel).list(query.to_query()))


@_watching.head("/jobs/{job_id:any_id}", include_in_schema=False)
@_watching.get("/jobs/{job_id:any_id}", responses=openapi_errors(404))
async def get_job(job_id: str, services: RunningServices, access: MayWatch) -> OwnJobRecord:
    """Return one job."""
    try:
        return await services.own_jobs_in(access.channel).get(job_id)
    except KeyError as error:
        raise HTTPException(404, f"there is no job {job_id[:100]}") from error


async def _run_command(services: Services, command: JobCommand) -> Accepted:
    reason = await services.own_jobs_in(command.channel).command(command)
    if reason is not None:
        raise HTTPException(404 if reason == "unknown_job" else 409, command.describe(reason))
    return Accepted()


@_commanding.post("/jobs/{job_id:any_id}/cancel", responses=NOT_NOW)
async def cancel_job(
    job_id: str, services: RunningServices, access: MayCommand, command_id: CommandId = ""
) -> Accepted:
    """Ask the process that runs the job to end it; a queued one ends immediately."""
    return await _run_command(services, JobCommand("cancel_job", job_id, command_id, access.channel))


@_commanding.delete("/jobs/{job_id:any_id}", responses=NOT_NOW)
async def remove_job(
    job_id: str, services: RunningServices, access: MayCommand, command_id: CommandId = ""
) -> Accepted:
    """Remove a job that does not run from the list, for everyone."""
    return await _run_command(services, JobCommand("remove_job", job_id, command_id, access.channel))


for _router in (_watching, _commanding):
    router.include_router(_router)
