"""A service by its REST API, from anywhere."""

import json
import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Generic, Literal, TypeVar
from urllib.parse import quote

from pydantic import AliasChoices, BaseModel, Field, SecretStr, ValidationError

from simulcast.cli.errors import ServiceUnavailable, TokenRefused
from simulcast.cli.service.address import ServiceAddress
from simulcast.cli.service.failures import read_detail
from simulcast.cli.service.protocol import Listed, PublishOptions, Refusal
from simulcast.cli.service.rest_client import RestClient
from simulcast.cli.watch.job_table import clean
from simulcast.errors import CommandError
from simulcast.model.commands import Command, JobCommand
from simulcast.model.download_options import DownloadOptions
from simulcast.model.job_record import JobRecord, Query, SubmittedRecord
from simulcast.model.limits import Limits, LimitsNow
from simulcast.model.own_job import JobQuery, OwnJobRecord
from simulcast.model.processes import ChannelCounts, ServiceStatus

_Answer = TypeVar("_Answer", bound=BaseModel)
_Record = TypeVar("_Record", bound=BaseModel)
_PAGE = 500  # records of one answer
_METHODS = dict.fromkeys(("relink", "move", "prioritize", "schedule", "rename"), "PATCH") | {"delete": "DELETE"}


class _Accepted(BaseModel):
    status: Literal["accepted"]


class _Page(BaseModel, Generic[_Record]):
    records: list[_Record] = Field(validation_alias=AliasChoices("downloads", "jobs"))
    total: int
    next_cursor: str | None = None
    is_complete: bool = True


class _Published(BaseModel):
    event_id: str = ""
    error: str = ""
    detail: str = ""


class _Results(BaseModel):
    results: list[_Published]


@asynccontextmanager
async def service_by_rest(url: str, token: str, channel: str) -> AsyncIterator["RestService"]:
    """Open a service elsewhere. Sends nothing yet. Raises CommandError for an address that is none.

    `channel`: "" for the one that is the token's own, or else the default one.
    """
    address = ServiceAddress.parse(url)
    if address.websocket.uri.query:
        raise CommandError(f"--url {address}: only `simulcast watch` takes a query behind a ?")
    client = RestClient(address, token)
    try:
        yield RestService(client, channel)
    finally:
        client.close()


class RestService:
    """Implements `Service`."""

    def __init__(self, client: RestClient, channel: str) -> None:
        self._client = client
        self._query: Mapping[str, object] = {"channel": channel} if channel else {}

    async def add(self, url: str, priority: int, options: DownloadOptions, *, again: bool) -> SubmittedRecord:
        members = {**options.model_dump(exclude_defaults=True), "url": url, "priority": priority, "again": again}
        body = json.dumps(members, default=SecretStr.get_secret_value)
        answer = await self._client.call("POST", "/downloads", self._query, body, {"Idempotency-Key": _new_id()})
        return _parse(SubmittedRecord, answer)

    async def command(self, command: Command) -> Refusal | None:
        action = command.action
        query: dict[str, object] = {"command_id": _new_id()}
        path = f"/downloads/{_segment(command.download_id)}" if command.download_id else "/downloads"
        bodies: dict[str, dict[str, object]] = {
            "relink": {"url": command.url},
            "limit": {"bytes_per_s": command.bytes_per_s},
            "move": {"position": command.place and command.place.position},
            "prioritize": {"priority": command.priority},
            "schedule": {"start_at": command.start_at},
            "rename": {"name": command.name},
        }
        body = bodies.get(action)
        if action not in _METHODS:
            path += f"/{action}"
        elif command.with_file:
            query["file"] = "true"
        text = None if body is None else json.dumps(body)
        return await self._command(_METHODS.get(action, "POST"), path, query, text, command.download_id)

    async def command_job(self, command: JobCommand) -> Refusal | None:
        path = f"/jobs/{_segment(command.job_id)}"
        query = {"command_id": _new_id()}
        if command.action == "remove_job":
            return await self._command("DELETE", path, query, None, "")
        return await self._command("POST", f"{path}/cancel", query, None, "")

    async def has_job(self, job_id: str) -> bool:
        return await self._command("GET", f"/jobs/{_segment(job_id)}", {}, None, "", OwnJobRecord) is None

    async def downloads(self, query: Query) -> Listed[JobRecord]:
        wanted = {"state": query.state, "owner": query.owner or None, "search": query.search or None}
        return await self._records("/downloads", _Page[JobRecord], query.limit, wanted)

    async def jobs(self, query: JobQuery) -> Listed[OwnJobRecord]:
        wanted = {"state": query.state, "kind": query.kind, "owner": query.owner or None}
        return await self._records("/jobs", _Page[OwnJobRecord], query.limit, wanted)

    async def publish(self, channel: str, text: str, options: PublishOptions) -> str:
        members = {
            "channel": channel,
            "key": options.key,
            "idempotency_key": options.idempotency_key,
            "ttl_s": options.ttl_s,
            "ends": options.ends,
        }
        # The event is JSON already, and the service parses it.
        body = f'{{"items":[{{"event":{text},{json.dumps(members)[1:]}]}}'
        answer = await self._client.call("POST", "/publish", body=body, headers={"Idempotency-Key": _new_id()})
        match _parse(_Results, answer).results:
            case [_Published(event_id=str(event_id), error="")]:
                return event_id
            case [_Published(error="not_allowed", detail=detail)]:
                raise TokenRefused(clean(detail))
            case [_Published(error="unavailable", detail=detail)]:
                raise ServiceUnavailable(clean(detail))
            case [_Published(detail=detail)]:
                raise CommandError(clean(detail))
            case _:
                raise CommandError("the service answered to another number of events than one")

    async def channels(self) -> ChannelCounts:
        return _parse(ChannelCounts, await self._client.call("GET", "/channels"))

    async def status(self) -> ServiceStatus:
        return _parse(ServiceStatus, await self._client.call("GET", "/status"))

    async def limits(self) -> Limits:
        now = _parse(LimitsNow, await self._client.call("GET", "/limits"))
        return Limits.model_validate(now.model_dump(exclude={"now"}))

    async def set_limits(self, limits: Limits) -> None:
        _parse(LimitsNow, await self._client.call("PUT", "/limits", body=limits.model_dump_json()))

    async def _command(
        self,
        method: str,
        path: str,
        query: Mapping[str, object],
        body: str | None,
        download_id: str,
        answer: type[BaseModel] = _Accepted,
    ) -> Refusal | None:
        """Send a command. `download_id`: of one that is unknown too if no route has the path, as with a slash.

        Raises CommandError for a success that is not an `answer`: another service may accept any request.
        """
        response = await self._client.request(method, path, {**self._query, **query}, body)
        detail = read_detail(response.body)
        is_unknown = response.status == 404 and detail not in ("", "Not Found")
        if is_unknown or (download_id and response.status in (404, 405)):
            return Refusal(True, detail)
        if response.status == 409:
            return Refusal(False, detail)
        self._client.check(response)
        _parse(answer, response.body)
        return None

    async def _records(
        self, path: str, kind: type[_Page[_Record]], limit: int, wanted: Mapping[str, str | None]
    ) -> Listed[_Record]:
        """Return the first `limit` records, in as many pages as that takes, and the number of all."""
        records: list[_Record] = []
        query = {**self._query, **{name: value for name, value in wanted.items() if value is not None}}
        place: dict[str, object] = {}
        while True:
            place["limit"] = min(_PAGE, limit - len(records))
            page = _parse(kind, await self._client.call("GET", path, {**query, **place}))
            records += page.records
            if not page.is_complete or not page.records or len(records) >= min(limit, page.total):
                return Listed(records, page.total, page.is_complete)
            # A service of an older version has no cursors.
            place = {"cursor": page.next_cursor} if page.next_cursor else {"offset": len(records)}


def _segment(text: str) -> str:
    """Return the text as one part of a path. Bytes of an argument that are no UTF-8 stay what they are."""
    return quote(text, safe="", errors="surrogateescape")


def _new_id() -> str:
    return uuid.uuid4().hex


def _parse(model: type[_Answer], body: bytes) -> _Answer:
    """Return the answer. Raises CommandError for one that this version can't read."""
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        raise CommandError(
            f"the service's answer can't be read: is it of another version? {error.error_count()} errors"
        ) from None
