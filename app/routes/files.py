"""The file of a finished download, at `/downloads/{download_id}/file`, for a token or for a link.

Starlette's FileResponse follows links, honours Range for HEAD, and rejects ranges that are to be ignored.
"""

import asyncio
import logging
import os
import re
import time
from collections.abc import Callable, Coroutine, Sequence
from contextlib import ExitStack
from functools import partial
from typing import Annotated, Any, cast
from urllib.parse import quote

from fastapi import APIRouter, Depends, HTTPException, Request
from pydantic import BaseModel
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from app.access.links import MAX_LINK_CHARS, FileLink, links_of, make_link, read_link
from app.access.permissions import Access, ChannelQuery, require_scope_in_query
from app.access.tokens import TokenVerifier
from app.routes.audited import AuditedRoute
from app.routes.bodies import WRITING, RunningServices
from app.routes.byte_range import RangeResponse, evaluate_range
from app.routes.downloads import read_download
from app.routes.file_store import MAX_READERS, MAX_READERS_PER_ADDRESS, Folder, OpenFile, open_file
from simulcast.cancellation import run_until_first
from simulcast.frontend import FrontEnd
from simulcast.frontend.grant import Grant
from simulcast.frontend.routes import openapi_errors
from simulcast.frontend.services import RETRY_AFTER
from simulcast.frontend.subscriptions.address import address_key
from simulcast.frontend.transport.asgi import http_transport, wait_disconnected
from simulcast.model.channel_folder import channel_path
from simulcast.model.job_record import JobRecord

PART_BYTES = 128 * 1024  # in memory for each reader; uvicorn holds 64 KiB more
SHUTDOWN_GRACE_S = 3.0  # for responses under way when the process ends; uvicorn waits 5 s
# No browser shows a file as a page of this service, takes it for a script, or builds it into another site's page.
_SAFE = {
    "content-type": "application/octet-stream",
    "x-content-type-options": "nosniff",
    "content-security-policy": "sandbox",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "private, no-cache",
    "referrer-policy": "no-referrer",
    "x-accel-buffering": "no",
    "accept-ranges": "bytes",
}
End = Callable[[], Coroutine[Any, Any, object]]
_ATTR_CHARS = "!#$&+-.^_`|~"  # RFC 8187 §3.2.1, beside letters and digits

_LINK = {
    "name": "link",
    "in": "query",
    "description": "of `POST …/file/link`, in place of a token",
    "schema": {"type": "string", "maxLength": MAX_LINK_CHARS},
}

router = APIRouter(responses=openapi_errors(400, 421))
_linking = APIRouter(route_class=AuditedRoute, responses=WRITING)
_with_token = require_scope_in_query("files")
_log = logging.getLogger("simulcast.file")


async def _with_token_or_link(
    download_id: str, request: Request, services: RunningServices, channel: ChannelQuery = None
) -> Access | FileLink:
    """Return the permission to read that file. A link decides alone. Raises HTTPException, BrokerUnavailable."""
    links = links_of(request.scope)
    if not links:
        return await _with_token(request, channel)
    if len(links) > 1:
        raise HTTPException(400, "a request has one link")
    link = await read_link(services.link_keys.read, links[0], time.time())
    request.state.user = link.grant.user
    if (link.channel, link.download_id) != (channel or link.channel, download_id):
        raise HTTPException(403, "the link is for another file")
    tokens = cast(TokenVerifier | None, request.app.state.tokens)
    if tokens is not None and await tokens.revocations.is_revoked(link.grant):
        raise HTTPException(403, "the token that made the link was revoked")
    return link


class MadeLink(BaseModel):
    """`url`: an absolute path, which needs no token until `expires_at`, in seconds since 1970."""

    url: str
    expires_at: int


@_linking.post("/downloads/{download_id}/file/link", status_code=201, responses=openapi_errors(404, 409))
async def link_file(
    download_id: str, request: Request, services: RunningServices, access: Annotated[Access, Depends(_with_token)]
) -> MadeLink:
    """Return a link by which a browser, or anybody else, gets this file for a few minutes."""
    folder, record = _folder(request), await read_download(services, access.channel, download_id)
    file = await _open(folder, access.channel, record)
    os.close(file.descriptor)
    link, ends_at = await make_link(
        services.link_keys.read, access.grant, access.channel, download_id, record.created_at, time.time()
    )
    root = str(request.scope.get("root_path", "")).rstrip("/")
    return MadeLink(url=f"{root}/downloads/{quote(download_id, safe='')}/file?link={link}", expires_at=ends_at)


router.include_router(_linking)


@router.head("/downloads/{download_id}/file", include_in_schema=False)
@router.get(
    "/downloads/{download_id}/file",
    response_class=Response,
    responses={
        200: {"content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}},
        206: {"description": "The requested range"},
        304: {"description": "It is the one that the client has"},
        **openapi_errors(401, 403, 404, 409, 412, 416, 422, 503),
    },
    openapi_extra={"parameters": [_LINK]},
)
async def download_file(
    download_id: str,
    request: Request,
    services: RunningServices,
    access: Annotated[Access | FileLink, Depends(_with_token_or_link)],
) -> Response:
    """Answer with the file of a complete download, or one range of it. Browsers save it and never show it."""
    folder = _folder(request)
    address = address_key(request.client and request.client.host)
    if not folder.readers.enter(address):
        reason = (
            f"{MAX_READERS} files are on their way from here, or {MAX_READERS_PER_ADDRESS} to {address or 'one client'}"
        )
        raise HTTPException(503, f"{reason}: try again later", RETRY_AFTER)
    with ExitStack() as place:
        place.callback(folder.readers.leave, address)
        record = await read_download(services, access.channel, download_id)
        if isinstance(access, FileLink) and access.created_at != record.created_at:
            raise HTTPException(403, "the link is for an earlier download of that id")
        file = await _open(folder, access.channel, record)
        response = _response(request, file, _ends(request, access.grant))
        if isinstance(response, FileBody):
            response.place = place.pop_all()
    return response


def _folder(request: Request) -> Folder:
    folder = cast(Folder | None, request.app.state.files)
    if folder is None:
        raise HTTPException(
            404, "files are not served: set SIMULCAST_FILES_DIR to the folder that workers download into"
        )
    return folder


async def _open(folder: Folder, channel: str, record: JobRecord) -> OpenFile:
    download_id = record.download_id
    if record.state != "complete" or record.file_path is None:
        raise HTTPException(409, f"download {download_id} is {record.state}: it has no file until it is complete")
    try:
        places = channel_path(channel), record.folder or ""
        return await asyncio.to_thread(open_file, folder.path, record.file_path, record.received_bytes, *places)
    except FileNotFoundError as error:
        raise HTTPException(404, f"the file of download {download_id} was moved, changed or removed") from error
    except OSError as error:
        _log.warning("the file of %s can't be read: %s", download_id, error)
        raise HTTPException(503, f"the file of download {download_id} can't be read: {error.strerror}") from error


def _ends(request: Request, grant: Grant) -> list[End]:
    """Return what ends a response: the shutdown, and the token's revocation."""
    tokens = cast(TokenVerifier | None, request.app.state.tokens)
    ends: list[End] = [partial(wait_for_shutdown, cast(FrontEnd, request.app.state.front_end).stopping)]
    return ends if tokens is None else [*ends, partial(tokens.revocations.wait_revoked, grant)]


async def wait_for_shutdown(stopping: asyncio.Event) -> None:
    """Return when responses under way have had their time, once the process ends."""
    await stopping.wait()
    await asyncio.sleep(SHUTDOWN_GRACE_S)


def _response(request: Request, file: OpenFile, ends: Sequence[End]) -> Response:
    values = {name: ", ".join(request.headers.getlist(name)) for name in request.headers}
    outcome = evaluate_range(request.method, values, file.etag, file.size)
    headers = {**_SAFE, "etag": file.etag, "content-disposition": attachment(file.name)}
    if outcome.status in (200, 206) and request.method == "GET":
        return FileBody(file, outcome, headers, ends)
    os.close(file.descriptor)
    if outcome.status == 416:
        raise HTTPException(416, f"the file has {file.size} bytes", {"content-range": f"bytes */{file.size}"})
    if outcome.status == 412:
        raise HTTPException(412, "the file is not the one that If-Match names")
    return Response(status_code=outcome.status, headers=headers | _content_length(outcome))


def attachment(name: str) -> str:
    """Return a Content-Disposition that no name can break out of (RFC 6266 §4.3, appendix D), also in ASCII."""
    plain = re.sub(r"[^A-Za-z0-9 ._+()-]", "_", name)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe=_ATTR_CHARS, errors='replace')}"


def _content_length(outcome: RangeResponse) -> dict[str, str]:
    return {} if outcome.status == 304 else {"content-length": str(outcome.stop - outcome.start)}


class FileBody(Response):
    """Owns the open file and a reader's place. Ends with the file, with its client, and when one of `ends` returns.

    An incomplete response cuts the connection, since the client must not take it for complete. app.server.http cuts
    clients that do not read.
    """

    def __init__(self, file: OpenFile, outcome: RangeResponse, headers: dict[str, str], ends: Sequence[End]) -> None:
        if outcome.status == 206:
            headers["content-range"] = f"bytes {outcome.start}-{outcome.stop - 1}/{file.size}"
        super().__init__(status_code=outcome.status, headers=headers | _content_length(outcome))
        self._file = file
        self._outcome = outcome
        self.place = ExitStack()
        self._ends = ends
        self._is_complete = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await run_until_first(self._send(send), wait_disconnected(receive), *(end() for end in self._ends))
        finally:
            # A thread that still reads may read another file of this number; its bytes go nowhere.
            os.close(self._file.descriptor)
            self.place.close()
        transport = http_transport(scope)
        if not self._is_complete and transport is not None:
            transport.abort()
            await wait_disconnected(receive)

    async def _send(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        at, stop = self._outcome.start, self._outcome.stop
        try:
            while at < stop:
                part = await asyncio.to_thread(os.pread, self._file.descriptor, min(PART_BYTES, stop - at), at)
                if not part:
                    _log.warning("%r became shorter while it was read", self._file.name)
                    return
                at += len(part)
                await send({"type": "http.response.body", "body": part, "more_body": True})
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        except OSError as error:
            _log.warning("%r can't be read on: %s", self._file.name, error)
        else:
            self._is_complete = True
