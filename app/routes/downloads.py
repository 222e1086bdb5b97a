"""The routes of downloads."""

from typing import Annotated, Any, Literal, Self

from fastapi import APIRouter, Depends, HTTPException, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field, model_validator

from app.access.permissions import Access, require_scope_in_query
from app.routes.audited import AuditedRoute
from app.routes.bodies import WRITING, RunningServices, body_schema, parse_body, traceparent_of
from app.routes.commands import NOT_NOW, Accepted, CommandId
from app.routes.idempotency import Answer, IdempotencyKey, answer_once
from app.routes.lists import ListAnswer, encode_list
from simulcast.frontend.requests import OwnerRefused, submit_download
from simulcast.frontend.routes import openapi_errors
from simulcast.frontend.services import Services
from simulcast.model.commands import MAX_BYTES_PER_S, Command
from simulcast.model.download_url import DownloadURL
from simulcast.model.file_place import FileName
from simulcast.model.job_record import JobRecord, SubmittedRecord
from simulcast.model.queue_place import Priority, QueuePlace, QueuePosition
from simulcast.model.requests import AddDownload, ListDownloads
from simulcast.model.start_time import NewStart

router = APIRouter(responses=openapi_errors(400, 421))
_watching = APIRouter(responses=openapi_errors(401, 403, 422, 503))
_commanding = APIRouter(route_class=AuditedRoute, responses=WRITING)
MayWatch = Annotated[Access, Depends(require_scope_in_query("watch"))]
MayCommand = Annotated[Access, Depends(require_scope_in_query("command"))]


class ChangeDownload(BaseModel):
    """One change of a download: each is a command, which is accepted or refused as a whole."""

    model_config = ConfigDict(extra="forbid")

    url: Annotated[DownloadURL | None, Field(description="a fresh link")] = None
    limit_bytes_per_s: Annotated[int | None, Field(ge=0, le=MAX_BYTES_PER_S, description="0 for no limit")] = None
    priority: Priority | None = None
    position: QueuePosition | None = None
    start_at: NewStart = 0.0
    name: FileName | None = None

    @model_validator(mode="after")
    def _check_one(self) -> Self:
        if len(self.model_dump(exclude_none=True, exclude_unset=True)) != 1:
            raise ValueError(f"give one of {', '.join(type(self).model_fields)}: each is a command of its own")
        return self

    def to_command(self, download_id: str, command_id: str) -> Command:
        """Return the command that makes the change. Raises HTTPException 422."""
        if self.url is not None:
            return Command("relink", download_id, command_id, url=self.url)
        if self.limit_bytes_per_s is not None:
            return Command("limit", download_id, command_id, bytes_per_s=self.limit_bytes_per_s)
        if self.priority is not None:
            return Command("prioritize", download_id, command_id, priority=self.priority)
        if self.name is not None:
            return Command("rename", download_id, command_id, name=self.name)
        if self.position is None:
            return Command("schedule", download_id, command_id, start_at=self.start_at)
        try:
            return Command("move", download_id, command_id, place=QueuePlace.parse(self.position, download_id))
        except ValueError as error:
            raise HTTPException(422, f"position: {error}") from error


class Limit(BaseModel):
    """The limit of a download's speed; 0 for no limit but the worker's."""

    model_config = ConfigDict(extra="forbid")

    bytes_per_s: Annotated[int, Field(ge=0, le=MAX_BYTES_PER_S)]


class Downloads(ListAnswer):
    """One page of downloads."""

    downloads: list[JobRecord]


_EXISTING: dict[int | str, dict[str, Any]] = {
    200: {"description": "There is such a download already", "model": SubmittedRecord},
    **openapi_errors(409),
}


@_commanding.post(
    "/downloads",
    status_code=201,
    response_model=SubmittedRecord,
    responses=_EXISTING,
    openapi_extra=body_schema(AddDownload),
)
async def add_download(
    services: RunningServices, request: Request, access: MayCommand, idempotency_key: IdempotencyKey = None
) -> Response:
    """Queue a download, which a worker takes when it is free, unless there is one of the same URL and options."""

    async def answer(request_id: str) -> Answer:
        record = await _submit(request, services, access, request_id[:16])
        location = str(request.url_for("get_download", download_id=record.download_id).path)
        location += f"?channel={access.channel}" if "channel" in request.query_params else ""
        return Answer(200 if record.existing else 201, record.model_dump_json(), location)

    return await answer_once(request, services, access.grant, idempotency_key, answer)


async def _submit(request: Request, services: Services, access: Access, name: str) -> SubmittedRecord:
    """Return the record. `name`: of a request that may have been carried out before, else ""."""
    body = await parse_body(AddDownload, request)
    try:
        record = await submit_download(services, access.grant, access.channel, body, name, traceparent_of(request))
    except OwnerRefused as error:
        raise HTTPException(403, str(error)) from error
    except ValueError as error:
        raise HTTPException(409, str(error)) from error
    return record.model_copy(update={"existing": False}) if record.download_id == name else record


@_watching.head("/downloads", include_in_schema=False)
@_watching.get("/downloads", response_model=Downloads)
async def list_downloads(
    services: RunningServices,
    access: MayWatch,
    query: Annotated[ListDownloads, Query()],
) -> Response:
    """List downloads, a page at a time."""
    return encode_list("downloads", await services.jobs_in(access.channel).list(query.to_query()))


@_watching.head("/downloads/{download_id}", include_in_schema=False)
@_watching.get("/downloads/{download_id}", responses=openapi_errors(404))
async def get_download(download_id: str, services: RunningServices, access: MayWatch) -> JobRecord:
    """Return one download."""
    return await read_download(services, access.channel, download_id)


async def read_download(services: Services, channel: str, download_id: str) -> JobRecord:
    """Return one download. Raises HTTPException 404, BrokerUnavailable."""
    try:
        return await services.jobs_in(channel).get(download_id)
    except KeyError as error:
        raise HTTPException(404, f"there is no download {download_id[:100]}") from error


async def _run_command(services: Services, access: Access, command: Command) -> Accepted:
    reason = await services.jobs_in(access.channel).command(command)
    if reason is not None:
        raise HTTPException(404 if reason == "unknown_download" else 409, command.describe(reason))
    return Accepted()


@_commanding.patch("/downloads/{download_id}", responses=NOT_NOW, openapi_extra=body_schema(ChangeDownload))
async def change_download(
    download_id: str, request: Request, services: RunningServices, access: MayCommand, command_id: CommandId = ""
) -> Accepted:
    """Change a download's link, speed limit, priority, place in the queue, start or name."""
    command = (await parse_body(ChangeDownload, request)).to_command(download_id, command_id)
    request.state.command = f"{command.action}_download"
    return await _run_command(services, access, command)


@_commanding.post("/downloads/clear")
async def clear_finished(services: RunningServices, access: MayCommand, command_id: CommandId = "") -> Accepted:
    """Forget all downloads that have ended; their files stay."""
    return await _run_command(services, access, Command("clear", command_id=command_id))


@_commanding.post("/downloads/{download_id}/limit", responses=NOT_NOW, openapi_extra=body_schema(Limit))
async def limit_download(
    download_id: str, request: Request, services: RunningServices, access: MayCommand, command_id: CommandId = ""
) -> Accepted:
    """Change the limit of a download's speed, even while it runs. The record shows it; no event is published."""
    body = await parse_body(Limit, request)
    return await _run_command(services, access, Command("limit", download_id, command_id, bytes_per_s=body.bytes_per_s))


@_commanding.post("/downloads/{download_id}/{action}", responses=NOT_NOW)
async def command_download(
    download_id: str,
    action: Literal["pause", "resume", "cancel", "retry"],
    services: RunningServices,
    access: MayCommand,
    command_id: CommandId = "",
) -> Accepted:
    """Record the command; every client gets the outcome as an event."""
    return await _run_command(services, access, Command(action, download_id, command_id))


@_commanding.delete("/downloads/{download_id:any_id}", responses=NOT_NOW)
async def delete_download(
    download_id: str, services: RunningServices, access: MayCommand, file: bool = False, command_id: CommandId = ""
) -> Accepted:
    """Forget a download that does not run; with `file=true` its file is removed, too."""
    return await _run_command(services, access, Command("delete", download_id, command_id, file))


for _router in (_watching, _commanding):
    router.include_router(_router)
