"""The answers to all that a client adds, publishes and reads over its WebSocket, by the rules of the REST API."""

import hashlib
import json
import logging
from collections.abc import Iterable

from pydantic import ValidationError

from simulcast import tracing
from simulcast.errors import BrokerUnavailable
from simulcast.frontend.fanout.backlog import SLICE_BYTES
from simulcast.frontend.grant import Grant
from simulcast.frontend.publishing import ItemRefused, publish_item
from simulcast.frontend.services import Services
from simulcast.jobs import Jobs
from simulcast.model.channel_folder import channel_folder
from simulcast.model.commands import Request, RequestAction
from simulcast.model.job_record import SubmittedRecord
from simulcast.model.requests import AddDownload, GetDownload, ListDownloads, first_error
from simulcast.model.token_claims import Scope
from simulcast.submissions import submit

MAX_LIST_BYTES = SLICE_BYTES - 1024  # of the records in one answer, unless the first alone has more
_SCOPES: dict[RequestAction, Scope] = {"add_download": "command", "get_download": "watch", "list_downloads": "watch"}
_log = logging.getLogger("simulcast.ws")


async def answer(request: Request, services: Services, grant: Grant) -> str:
    """Carry the request out, and return the answer to its client, as JSON."""
    scope, channel = _SCOPES.get(request.action), grant.channel(request.channel, services.channel)
    if scope is not None and (refusal := grant.refusal(scope, channel)) is not None:
        return request.encode_refusal("not_allowed", refusal)
    try:
        match request.action:
            case "add_download":
                return await _add(request, services, grant, channel)
            case "get_download":
                return await _get(request, services.jobs_in(channel))
            case "list_downloads":
                return await _list(request, services.jobs_in(channel))
            case "publish":
                return await _publish(request, services, grant)
    except ValidationError as error:
        reason = first_error(error.errors(include_url=False, include_context=False))
        return request.encode_refusal("invalid_member", reason)
    except BrokerUnavailable as error:
        _log.warning("%s failed: %s", request.action, error)
        return request.encode_refusal("unavailable", str(error))


def _name_of(request: Request, grant: Grant, channel: str) -> str:
    """Return what a request and its repetition have in common, in hexadecimal digits; "" without a command_id.

    Other users, and other requests with the same id, have other names.
    """
    if not request.command_id:
        return ""
    try:
        names = [
            grant.user,
            request.action,
            request.command_id,
            request.members,
            *([channel] if request.channel else []),
        ]
        text = json.dumps(names, sort_keys=True)
    except (ValueError, RecursionError):  # of a number that is too long: the request is refused
        return ""
    return hashlib.sha256(text.encode()).hexdigest()


class OwnerRefused(Exception):
    """A user's grant names another owner."""


async def submit_download(
    services: Services, grant: Grant, channel: str, body: AddDownload, name: str = "", traceparent: str = ""
) -> SubmittedRecord:
    """Queue the download in that channel, for the user of the grant. `name`: its id unless it has one; "" for any.
    `traceparent`: of the request.

    Raises OwnerRefused, and as `simulcast.submissions.submit`.
    """
    owner = grant.user if body.owner is None else body.owner
    if grant.user not in ("", owner) and not grant.has("publish"):
        raise OwnerRefused("the token doesn't let you name another owner: get one with the scope publish or admin")
    with tracing.span("submit", traceparent, channel=channel) as cause:
        return await submit(
            services.jobs_in(channel),
            body.url,
            body.priority,
            body,
            again=body.again,
            folder=services.files_dir and channel_folder(services.files_dir, channel),
            download_id=body.download_id or name or None,
            owner=owner,
            traceparent=cause,
        )


async def _add(request: Request, services: Services, grant: Grant, channel: str) -> str:
    body = AddDownload.model_validate(request.members, context={"schemes": services.schemes})
    try:
        record = await submit_download(services, grant, channel, body, _name_of(request, grant, channel)[:16])
    except OwnerRefused as error:
        return request.encode_refusal("not_allowed", str(error), body.download_id or "")
    except ValueError as error:
        return request.encode_refusal("conflict", str(error), body.download_id or "")
    return request.encode_answer(f',"download":{record.model_dump_json()}', record.download_id)


async def _get(request: Request, jobs: Jobs) -> str:
    download_id = GetDownload.model_validate(request.members).download_id
    try:
        record = await jobs.get(download_id)
    except KeyError:
        reason = f"there is no download {download_id[:100]}"
        return request.encode_refusal("unknown_download", reason, download_id)
    return request.encode_answer(f',"download":{record.model_dump_json()}', download_id)


async def _list(request: Request, jobs: Jobs) -> str:
    query = ListDownloads.model_validate(request.members, strict=True).to_query()
    page = await jobs.list(query)
    texts = _fitting(page.texts)
    members = page.cut(len(texts)).encode_members()
    return request.encode_answer(f',"downloads":[{",".join(texts)}],{members}')


def _fitting(records: Iterable[str]) -> list[str]:
    """Return the first of the records, as many as one answer holds."""
    texts: list[str] = []
    size = 0
    for text in records:
        size += len(text.encode()) + 1
        if texts and size > MAX_LIST_BYTES:
            break
        texts.append(text)
    return texts


async def _publish(request: Request, services: Services, grant: Grant) -> str:
    outcome = await publish_item(services.broker, grant, request.members, _name_of(request, grant, ""))
    if isinstance(outcome, ItemRefused):
        return request.encode_refusal(outcome.error, outcome.detail)
    return request.encode_answer(f',"published":"{outcome}"')
