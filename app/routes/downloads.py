"""The routes of downloads, and `/channels/{channel}/publish`."""

import json
from typing import Annotated, Any, Literal, TypeVar, cast

from fastapi import APIRouter, Depends, HTTPException, Path, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.requests import ClientDisconnect

from app.access.permissions import require_scope
from app.routes.errors import first_error
from app.routes.file_store import Folder
from simulcast.errors import InvalidEvent
from simulcast.frontend import FrontEnd
from simulcast.frontend.routes import openapi_errors
from simulcast.frontend.services import Services
from simulcast.model import job_record
from simulcast.model.channel import CHANNEL_PATTERN
from simulcast.model.commands import MAX_BYTES_PER_S, Command
from simulcast.model.download_options import DownloadOptions
from simulcast.model.download_url import DownloadURL
from simulcast.model.job_record import JobRecord, Sort, State, SubmittedRecord
from simulcast.submissions import submit

_NOT_NOW = openapi_errors(404, 409)

router = APIRouter(responses=openapi_errors(400, 421))
_watching = APIRouter(dependencies=[Depends(require_scope("watch"))], responses=openapi_errors(401, 403, 422, 503))
_WRITING = openapi_errors(401, 403, 413, 415, 422, 503)
_commanding = APIRouter(dependencies=[Depends(require_scope("command"))], responses=_WRITING)
_publishing = APIRouter(dependencies=[Depends(require_scope("publish"))], responses=_WRITING)


def running_services(request: Request) -> Services:
    """Return the parts of this process's front-end. Raises BrokerUnavailable while they start again."""
    return cast(FrontEnd, request.app.state.front_end).services


CommandId = Annotated[str, Query(max_length=100)]
RunningServices = Annotated[Services, Depends(running_services)]


class AddDownload(DownloadOptions):
    """The address of a download and its options; all but `url` may be left out."""

    model_config = ConfigDict(extra="forbid")

    url: DownloadURL
    priority: Annotated[int, Field(ge=-9, le=9, description="higher ones go first")] = 0
    again: Annotated[bool, Field(description="add it though the same URL and options are there already")] = False


class Link(BaseModel):
    """A fresh link of a download."""

    model_config = ConfigDict(extra="forbid")

    url: DownloadURL


class Limit(BaseModel):
    """The limit of a download's speed; 0 for no limit but the worker's."""

    model_config = ConfigDict(extra="forbid")

    bytes_per_s: Annotated[int, Field(ge=0, le=MAX_BYTES_PER_S)]


class Downloads(BaseModel):
    """One page. `total`: the number of all that match."""

    downloads: list[JobRecord]
    total: int


class Accepted(BaseModel):
    """The command is recorded."""

    status: Literal["accepted"] = "accepted"


class Published(BaseModel):
    """`event_id` is null for a body that is no JSON object: it was delivered live and is not stored."""

    event_id: str | None


async def _read_body(request: Request) -> bytes:
    try:
        return await request.body()
    except ClientDisconnect as error:  # the response reaches nobody, and the log needs no traceback
        raise HTTPException(400, "the connection ended before the body did") from error


def _body_schema(model: type[BaseModel]) -> dict[str, Any]:
    schema = model.model_json_schema()
    definitions = schema.pop("$defs", {})
    text = json.dumps(schema)
    for name, definition in definitions.items():  # inline: a reference in OpenAPI begins at the root of the document
        text = text.replace(json.dumps({"$ref": f"#/$defs/{name}"}), json.dumps(definition))
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": json.loads(text)}}}}


Body = TypeVar("Body", bound=BaseModel)


async def _parse_body(model: type[Body], request: Request) -> Body:
    # FastAPI's own parser answers deeply nested JSON with 500.
    try:
        context = {"schemes": running_services(request).schemes}
        return model.model_validate_json(await _read_body(request), context=context)
    except ValidationError as error:
        raise HTTPException(422, first_error(error.errors(include_url=False, include_context=False))) from error


_EXISTING: dict[int | str, dict[str, Any]] = {
    200: {"description": "There is such a download already", "model": SubmittedRecord},
    **openapi_errors(409),
}


@_commanding.post("/downloads", status_code=201, responses=_EXISTING, openapi_extra=_body_schema(AddDownload))
async def add_download(services: RunningServices, request: Request, response: Response) -> SubmittedRecord:
    """Queue a download, which a worker takes when it is free, unless there is one of the same URL and options."""
    body = await _parse_body(AddDownload, request)
    files = cast(Folder | None, request.app.state.files)
    folder = files.path if files else None
    try:
        record = await submit(services.jobs, body.url, body.priority, body, again=body.again, folder=folder)
    except ValueError as error:  # a client deleted it meanwhile
        raise HTTPException(409, str(error)) from error
    if record.existing:
        response.status_code = 200
    response.headers["location"] = str(request.url_for("get_download", download_id=record.download_id).path)
    return record


@_watching.head("/downloads", include_in_schema=False)
@_watching.get("/downloads", response_model=Downloads)
async def list_downloads(
    services: RunningServices,
    state: State | None = None,
    sort: Sort = "created_at",
    order: Literal["asc", "desc"] = "desc",
    offset: Annotated[int, Query(ge=0)] = 0,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> Response:
    """List downloads, a page at a time."""
    downloads, total = await services.jobs.list(job_record.Query(state, sort, order == "desc", offset, limit))
    page = Downloads.model_construct(downloads=downloads, total=total)
    return Response(page.model_dump_json(), media_type="application/json")


@_watching.head("/downloads/{download_id}", include_in_schema=False)
@_watching.get("/downloads/{download_id}", responses=openapi_errors(404))
async def get_download(download_id: str, services: RunningServices) -> JobRecord:
    """Return one download."""
    try:
        return await services.jobs.get(download_id)
    except KeyError as error:
        raise HTTPException(404, f"there is no download {download_id[:100]}") from error


async def _run_command(services: Services, command: Command) -> Accepted:
    reason = await services.jobs.command(command)
    if reason is not None:
        raise HTTPException(404 if reason == "unknown_download" else 409, command.describe(reason))
    return Accepted()


@_commanding.patch("/downloads/{download_id}", responses=_NOT_NOW, openapi_extra=_body_schema(Link))
async def relink_download(
    download_id: str, request: Request, services: RunningServices, command_id: CommandId = ""
) -> Accepted:
    """Give a download a fresh link: it goes on with it where the file is the same version, else from the beginning."""
    body = await _parse_body(Link, request)
    return await _run_command(services, Command("relink", download_id, command_id, url=body.url))


@_commanding.post("/downloads/clear")
async def clear_finished(services: RunningServices, command_id: CommandId = "") -> Accepted:
    """Forget all downloads that have ended; their files stay."""
    return await _run_command(services, Command("clear", command_id=command_id))


@_commanding.post("/downloads/{download_id}/limit", responses=_NOT_NOW, openapi_extra=_body_schema(Limit))
async def limit_download(
    download_id: str, request: Request, services: RunningServices, command_id: CommandId = ""
) -> Accepted:
    """Change the limit of a download's speed, even while it runs. The record shows it; no event is published."""
    body = await _parse_body(Limit, request)
    return await _run_command(services, Command("limit", download_id, command_id, bytes_per_s=body.bytes_per_s))


@_commanding.post("/downloads/{download_id}/{action}", responses=_NOT_NOW)
async def command_download(
    download_id: str,
    action: Literal["pause", "resume", "cancel", "retry"],
    services: RunningServices,
    command_id: CommandId = "",
) -> Accepted:
    """Record the command; every client gets the outcome as an event."""
    return await _run_command(services, Command(action, download_id, command_id))


@_commanding.delete("/downloads/{download_id}", responses=_NOT_NOW)
async def delete_download(
    download_id: str, services: RunningServices, file: bool = False, command_id: CommandId = ""
) -> Accepted:
    """Forget a download that does not run; with `file=true` its file is removed, too."""
    return await _run_command(services, Command("delete", download_id, command_id, file))


@_publishing.post(
    "/channels/{channel}/publish",
    openapi_extra={"requestBody": {"required": True, "content": {"application/json": {"schema": {"type": "object"}}}}},
)
async def publish(
    channel: Annotated[str, Path(json_schema_extra={"pattern": f"^{CHANNEL_PATTERN}$"})],
    request: Request,
    services: RunningServices,
) -> Published:
    """Publish the body, a JSON object, to all clients of the channel."""
    try:
        position = await services.broker.publish(await _read_body(request), channel)
    except (InvalidEvent, ValueError) as error:
        raise HTTPException(422, str(error)) from error
    return Published(event_id=None if position is None else str(position))


for _router in (_watching, _commanding, _publishing):
    router.include_router(_router)
