"""Jobs: which worker does which download. Leased with a fencing token; a change of state is told in the same step."""

import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, cast
from urllib.parse import unquote, urlsplit, urlunsplit

import redis
import redis.asyncio
from pydantic import BaseModel

from simulcast import library
from simulcast.broker import HISTORY_LENGTH, Broker
from simulcast.commands import Command, Reason
from simulcast.connection import connect
from simulcast.errors import BrokerUnavailable, LeaseLost
from simulcast.library import Argument, Function
from simulcast.names import DEFAULT_CHANNEL, ChannelNames

State = Literal["queued", "running", "paused", "complete", "error", "cancelled"]
Desired = Literal["running", "paused", "cancelled", "lost"]
Ending = Literal["complete", "error", "paused", "cancelled", "queued"]


class JobRecord(BaseModel):
    """One download as it stands. Times are seconds since 1970; sizes are bytes."""

    download_id: str
    url: str
    name: str
    state: State
    attempt: int
    progress: float
    speed: int
    received_bytes: int
    total_bytes: int | None
    error_message: str | None
    file_path: str | None
    worker: str | None
    created_at: float
    updated_at: float


@dataclass(frozen=True, slots=True)
class Claim:
    """A lease on one job: proof of ownership is the whole token.

    `fields`: the record as it was stored, with what only workers read: `url` may hold a user name and a password.
    """

    token: str
    record: JobRecord
    fields: Mapping[str, str]


def about(download_id: str, name: str, url: str) -> str:
    """JSON members that every state event of a download carries."""
    return json.dumps({"download_id": download_id, "name": name, "url": url}, separators=(",", ":"))[1:-1]


def shown_url(url: str) -> str:
    """The address without user name and password."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


class Jobs:
    """The jobs of one channel. Reports leave through the broker's sender, so they keep their order."""

    def __init__(self, client: redis.asyncio.Redis, broker: Broker, channel: str = DEFAULT_CHANNEL) -> None:
        self._client = client
        self._broker = broker
        self._names = ChannelNames(channel)
        self._keys = [*self._names.flow, *self._names.jobs]
        self._flow: list[Argument] = [self._names.pubsub, HISTORY_LENGTH]

    @classmethod
    def connect(cls, url: str, broker: Broker, channel: str = DEFAULT_CHANNEL) -> "Jobs":
        """Nothing is sent yet. Raises ValueError for an address of no known form."""
        return cls(connect(url), broker, channel)

    async def aclose(self) -> None:
        await self._client.aclose()

    async def submit(self, url: str, download_id: str | None = None) -> JobRecord:
        """Queues a download and tells it. Raises ValueError where the id is taken, BrokerUnavailable."""
        download_id = download_id or secrets.token_hex(8)
        name = unquote(urlsplit(url).path.rpartition("/")[2])[:200] or urlsplit(url).hostname or download_id
        members = about(download_id, name, shown_url(url))
        if not await self._call("submit", [*self._flow, download_id, members, url, name]):
            raise ValueError(f"there is a download {download_id} already")
        return await self.get(download_id)

    async def claim(self, worker: str, lease_s: float) -> Claim | None:
        """The next job, leased for `lease_s` from now, or None. Ends expired leases on the way."""
        args = [*self._flow, worker, round(lease_s * 1000), secrets.token_hex(8)]
        reply = await self._call("claim", args)
        if not reply or not isinstance(reply, list):
            return None
        flat: list[bytes] = reply[1]
        fields = {name.decode(): value.decode() for name, value in zip(flat[::2], flat[1::2], strict=True)}
        return Claim(reply[0].decode(), _record(fields), fields)

    async def renew(self, claims: Sequence[Claim], lease_s: float) -> list[Desired]:
        """Renews to `lease_s` from now. What is desired of each; "lost": stop and touch nothing."""
        pairs = [text for claim in claims for text in (claim.record.download_id, claim.token)]
        reply = await self._call("renew", [self._names.pubsub, round(lease_s * 1000), *pairs])
        found: list[Desired] = []
        for status in reply if isinstance(reply, list) else []:
            text = status.decode()
            found.append(text if text in ("running", "paused", "cancelled") else "lost")
        return found

    async def progress(self, claim: Claim, payload: bytes, fields: Mapping[str, str]) -> None:
        """Tells a progress event and keeps `fields` in the record. Raises LeaseLost."""
        await self._report(claim, "progress", payload, fields)

    async def note(self, claim: Claim, fields: Mapping[str, str]) -> None:
        """Keeps `fields` in the record without telling. Raises LeaseLost."""
        await self._report(claim, "note", "", fields)

    async def end(
        self,
        claim: Claim,
        ending: Ending,
        fields: Mapping[str, str],
        members: Mapping[str, object] | None = None,
    ) -> None:
        """Gives the job up: finished, failed, or as a command wished, told with `members` added. Raises LeaseLost.

        Sending it again is safe: a repetition is answered with the first one's id.
        """
        extra = "," + json.dumps(members, separators=(",", ":"))[1:-1] if members else ""
        await self._report(claim, ending, extra, fields)

    async def command(self, command: Command) -> Reason | None:
        """Records what is wished; None where it was accepted. Raises BrokerUnavailable."""
        command_id = json.dumps(command.command_id) if command.command_id else ""
        reply = await self._call("command", [*self._flow, command.download_id, command.action, command_id])
        if reply == b"accepted":
            return None
        return "unknown_download" if reply == b"unknown_download" else "invalid_transition"

    async def get(self, download_id: str) -> JobRecord:
        """One record. Raises KeyError where there is none, BrokerUnavailable."""
        try:
            fields = cast(dict[bytes, bytes], await self._client.hgetall(self._names.job_prefix + download_id))
        except redis.RedisError as error:
            raise library.translated(error, "read a download") from error
        if not fields:
            raise KeyError(download_id)
        return _record(_decoded(fields))

    async def newest(self, limit: int = 100) -> list[JobRecord]:
        """At most `limit` records, newest first. Raises BrokerUnavailable."""
        try:
            ids = cast(list[bytes], await self._client.zrange(self._names.jobs[0], 0, limit - 1, desc=True))
            async with self._client.pipeline(transaction=False) as pipe:
                for download_id in ids:
                    pipe.hgetall(self._names.job_prefix + download_id.decode())
                rows = await pipe.execute()
        except redis.RedisError as error:
            raise library.translated(error, "list the downloads") from error
        return [_record(_decoded(fields)) for fields in rows if fields]

    async def _report(self, claim: Claim, what: str, text: str | bytes, fields: Mapping[str, str]) -> None:
        pairs = [part for field in fields.items() for part in field]
        args = [*self._flow, claim.record.download_id, claim.token, what, text, *pairs]
        if await self._broker.sender.call("report", self._keys, args) is None:
            raise LeaseLost(f"download {claim.record.download_id} belongs to another worker now")

    async def _call(self, function: Function, args: Sequence[Argument]) -> object:
        return await library.call(self._client.execute_command, function, self._keys, args)


def _decoded(fields: Mapping[bytes, bytes]) -> dict[str, str]:
    return {name.decode(): value.decode() for name, value in fields.items()}


def _record(text: Mapping[str, str]) -> JobRecord:
    try:
        return JobRecord.model_validate(
            {
                **text,
                "url": shown_url(text["url"]),
                "received_bytes": text["received"],
                "total_bytes": None if text["total"] == "null" else text["total"],
                "error_message": text.get("error"),
                "file_path": text.get("file_path"),
                "worker": text.get("worker") or None,
                "created_at": int(text["created_at"]) / 1000,
                "updated_at": int(text["updated_at"]) / 1000,
            }
        )
    except (KeyError, ValueError) as error:
        raise BrokerUnavailable(f"the record of a download is not readable: {error}") from error
