"""Jobs: downloads leased to workers with a fencing token. A change of state is published in the step that makes it.

Submissions, claims, commands and ends leave through the broker's sender, which sends them again to a server that takes
over, so that no acknowledged one is lost.
"""

import json
import secrets
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import cast
from urllib.parse import urlsplit

import redis.asyncio

from simulcast.broker import HISTORY_LENGTH, Broker
from simulcast.errors import BrokerUnavailable, LeaseLost
from simulcast.job_calls import JobCalls
from simulcast.job_list import JobList
from simulcast.model.channel import DEFAULT_CHANNEL
from simulcast.model.commands import Command, Reason
from simulcast.model.download_options import NO_OPTIONS, DownloadOptions
from simulcast.model.events import validate_key
from simulcast.model.job_page import JobPage
from simulcast.model.job_record import (
    RECORD_FIELDS,
    JobRecord,
    Query,
    SubmittedRecord,
    decode_hash,
    display_name,
    event_members,
    link_of,
    parse_record,
    redact_url,
    site_of,
)
from simulcast.model.lease import DesiredState, Lease, ReleaseState
from simulcast.store.functions import Argument, Function
from simulcast.store.topology import Topology

_PAGE = 200
_ORPHANS_TTL_S = 30 * 24 * 3600  # as lua/jobs.lua
__all__ = ["DesiredState", "Jobs", "Lease", "ReleaseState"]


class Jobs(JobCalls):
    """The jobs of one channel. The broker's sender keeps the order of reports."""

    def __init__(self, servers: Topology, broker: Broker, channel: str = DEFAULT_CHANNEL) -> None:
        """Owns `servers`."""
        super().__init__(servers, broker, channel)
        self._keys = [*self._names.stream_keys, *self._names.job_keys]
        self._publish_args: list[Argument] = [self._names.pubsub, HISTORY_LENGTH]
        self._list = JobList(servers, channel, self._keys, "download_id", RECORD_FIELDS, parse_record)

    async def submit(
        self,
        url: str,
        download_id: str | None = None,
        priority: int = 0,
        options: DownloadOptions = NO_OPTIONS,
        *,
        unless_same: bool = False,
        gone: str = "",
        owner: str = "",
        traceparent: str = "",
    ) -> SubmittedRecord:
        """Queue a download, and publish that; one of a higher `priority` (-9 to 9) goes first.

        `owner`: the user who adds it, of at most 255 characters; "" for nobody in particular. It decides nothing.
        `traceparent`: of the cause, for the changes of its state and the spans of its worker.

        `unless_same`: return the download of the same URL and options that has not failed in place of a new one, except
        the one with the id `gone`, whose file is gone.

        A repetition with the same id, URL and options returns the download. Raises ValueError if the id is another's or
        the download was deleted meanwhile, InvalidEvent if it can't be an id, BrokerUnavailable.
        """
        download_id = validate_key(download_id or secrets.token_hex(8), "download_id")
        name = options.name or display_name(url) or urlsplit(url).hostname or download_id
        members = event_members(download_id, name, redact_url(url), owner, traceparent)
        limit, callback = options.limit_bytes_per_s or "", options.callback_url or ""
        fields = {"site": site_of(url), "limit": str(limit), "owner": owner, "callback_url": callback}
        fields |= {"folder": options.folder or "", "traceparent": traceparent}
        fields |= {"start_at": str(round((options.start_at or 0.0) * 1000) or "")}
        pairs = _flatten({key: text for key, text in fields.items() if text})
        nonce = secrets.token_hex(8)
        args = [*self._publish_args, download_id, members, url, options.to_json(), name, priority, nonce]
        args += [int(unless_same), gone]

        def resubmit(reply: object) -> Sequence[Argument] | None:
            fields = _parse_fields(reply) if reply else {}
            return [*args, fields["created_at"], *pairs] if fields.get("submission") == nonce else None

        reply = await self._send("submit", [*args, "", *pairs], "submit", resubmit)
        if not reply:
            if reply is None:
                raise ValueError(f"there is a download {download_id} already")
            raise ValueError(f"download {download_id} was deleted before its submission was confirmed: add it again")
        fields = _parse_fields(reply)
        return SubmittedRecord(**dict(parse_record(fields)), existing=fields.get("submission") != nonce)

    async def claim(self, worker: str, lease_s: float, busy: Collection[str] = ()) -> Lease | None:
        """Return the next job, leased for `lease_s` from now, or None. Ends expired leases, too.

        `worker`: the host's name, a colon, and a name that is unique there. `busy`: sites (`site_of`) whose jobs are
        skipped. Where the first 500 ready jobs are theirs, each call looks at 2,000 further ones.
        """
        args = [*self._publish_args, worker, round(lease_s * 1000), secrets.token_hex(8), _host_of(worker), *busy]

        def restore(reply: object) -> Sequence[Argument] | None:
            if not reply or not isinstance(reply, list):
                return None
            token, flat, event = reply
            return [*self._publish_args, _parse_fields(flat)["download_id"], token, args[3], event, *flat]

        reply = await self._send("claim", args, "restore", restore)
        if not reply or not isinstance(reply, list):
            return None
        fields = _parse_fields(reply[1])
        return Lease(reply[0].decode(), parse_record(fields), fields)

    async def renew(self, leases: Sequence[Lease], lease_s: float) -> list[DesiredState]:
        """Renew leases to `lease_s` from now, and return the desired states; "lost": stop and touch nothing."""
        pairs = [text for lease in leases for text in (lease.record.download_id, lease.token)]
        reply = await self._send("renew", [self._names.pubsub, round(lease_s * 1000), *pairs])
        return [DesiredState.parse(status.decode()) for status in reply] if isinstance(reply, list) else []

    async def progress(self, lease: Lease, payload: bytes, fields: Mapping[str, str]) -> None:
        """Publish a progress event, and save `fields` in the record. Raises LeaseLost."""
        await self._report(lease, "progress", payload, fields)

    async def save(self, lease: Lease, fields: Mapping[str, str]) -> None:
        """Save `fields` in the record; publishes nothing. Raises LeaseLost."""
        await self._report(lease, "save", "", fields)

    async def finish(
        self,
        lease: Lease,
        state: ReleaseState,
        fields: Mapping[str, str],
        members: Mapping[str, object] | None = None,
        progress: bytes = b"",
    ) -> None:
        """End the lease: complete, failed, or as commanded; `members` are added to the event. Raises LeaseLost.

        `progress`: an event that is published just before, in the same step. With delay_ms in `fields`, a queued job
        can't be claimed earlier than that. A repetition changes nothing.
        """
        text = "," + json.dumps(members, ensure_ascii=False, separators=(",", ":"))[1:-1] if members else ""
        await self._report(lease, state, f"{text}\n{progress.decode()}" if progress else text, fields)

    async def command(self, command: Command) -> Reason | None:
        """Record a command; returns None, or the reason of its rejection. Raises BrokerUnavailable."""
        command_id = json.dumps(command.command_id) if command.command_id else ""
        if command.action == "clear":
            await self._clear(command_id)
            return None
        detail = _detail_of(command)
        nonce = secrets.token_hex(8)
        args = [*self._publish_args, command.download_id, command.action, command_id, nonce, detail]

        def repeat(reply: object) -> Sequence[Argument] | None:
            match reply:
                case [b"accepted", bytes(accepted_at)]:
                    return [*args, accepted_at]
                case [b"accepted", _, bytes(deletion)]:
                    return [*self._publish_args, command.download_id, deletion]
            return None

        reply = await self._send("command", [*args, ""], "forget" if command.action == "delete" else "command", repeat)
        match reply:
            case [b"accepted", *_]:
                return None
            case [b"unknown_download", *_]:
                return "unknown_download"
            case [b"not_waiting", *_]:
                return "not_waiting"
            case [b"conflict", *_]:
                return "conflict"
            case [b"unavailable"]:
                raise BrokerUnavailable(
                    f"could not {command.action} the download: Redis is taking over; try again in 5 s"
                )
        return "invalid_transition"

    async def get(self, download_id: str) -> JobRecord:
        """Return one record. Raises KeyError if there is none, BrokerUnavailable."""

        async def call(client: redis.asyncio.Redis) -> object:
            return await client.hgetall(self._names.job_prefix + download_id)

        reply = await self._servers.read(self._names.channel, "read a download", call)
        fields = cast(dict[bytes, bytes], reply)
        if not fields or b"family" in fields:  # of a job that is no download
            raise KeyError(download_id)
        return parse_record(decode_hash(fields))

    async def list(self, query: Query) -> JobPage[JobRecord]:
        """Return one page of records. Raises BrokerUnavailable."""
        return await self._list.page(query.select())

    async def orphaned_files(self, worker: str, start: int = 0) -> tuple[str, ...]:
        """Return files of a worker's host that no job owns any more, oldest first, at most _PAGE from `start` on.

        Each is the name of a part file; or a line break and the marker that the worker saved as `finishing`.
        """
        key = self._names.orphans_prefix + _host_of(worker)
        async with self._servers.client_at(self._names.channel, "read the orphaned files") as client:
            names = cast(Sequence[bytes], await client.lrange(key, start, start + _PAGE - 1))
        return tuple(name.decode() for name in names)

    async def postpone_orphans(self, worker: str, names: Collection[str]) -> None:
        """Keep files that could not be removed in a list of their own, as of another host. Raises BrokerUnavailable."""
        key = f"{self._names.orphans_prefix}{_host_of(worker)}/later"
        async with self._servers.client_at(self._names.channel, "postpone orphaned files") as client:
            if names:
                await client.rpush(key, *names)
                await client.expire(key, _ORPHANS_TTL_S)

    async def forget_orphans(self, worker: str, names: Iterable[str]) -> None:
        """Strike files off the list of a worker's host: they are removed. Raises BrokerUnavailable."""
        async with self._servers.client_at(self._names.channel, "forget orphaned files") as client:
            for name in names:
                await client.lrem(self._names.orphans_prefix + _host_of(worker), 1, name)

    async def part_files(self) -> dict[str, str]:
        """Return the name of each download's part file, "" for none, by id. Raises BrokerUnavailable."""
        return await self._servers.read(self._names.channel, "list the part files", self._part_files)

    async def _part_files(self, client: redis.asyncio.Redis) -> dict[str, str]:
        ids = cast(Sequence[bytes], await client.zrange(self._names.job_keys[0], 0, -1))
        names: dict[str, str] = {}
        for start in range(0, len(ids), _PAGE):
            page = [download_id.decode() for download_id in ids[start : start + _PAGE]]
            async with client.pipeline(transaction=False) as pipe:
                for download_id in page:
                    pipe.hget(self._names.job_prefix + download_id, "part")
                names |= {key: (name or b"").decode() for key, name in zip(page, await pipe.execute(), strict=True)}
        return names

    async def _clear(self, command_id: str) -> None:
        """Delete what had ended, jobs of any kind too, when a command of that id was first accepted, or now."""

        def forget(reply: object) -> Sequence[Argument] | None:
            return [*self._publish_args, *reply[2:]] if isinstance(reply, list) and len(reply) > 2 else None

        for keys in (self._names.job_keys, self._names.own_job_keys):
            cutoff, kept = b"", b"0"
            while kept:
                args = [*self._publish_args, _PAGE, command_id, cutoff, kept]
                reply = await self._send("clear", args, "forget", forget, [*self._names.stream_keys, *keys])
                cutoff, kept = cast(Sequence[bytes], reply)[:2]

    async def _report(self, lease: Lease, kind: str, text: str | bytes, fields: Mapping[str, str]) -> None:
        args = [*self._publish_args, lease.record.download_id, lease.token, kind, text]
        pairs = _flatten(fields)

        def repeat(reply: object) -> Sequence[Argument] | None:
            return [*args, reply[1] if len(reply) > 1 else "", *pairs] if isinstance(reply, list) else None

        retained: Function | None = None if kind == "progress" else "report_event"
        if await self._send("report_event", [*args, "", *pairs], retained, repeat) is None:
            raise LeaseLost(f"download {lease.record.download_id} belongs to another worker now")


def _detail_of(command: Command) -> str:
    """Return what lua/command.lua calls the detail of a command."""
    match command.action:
        case "relink":
            return link_of(command.url)
        case "delete":
            return "1" if command.with_file else ""
        case "move":
            return str(command.place)
        case "prioritize":
            return str(command.priority)
        case "schedule":
            return str(round(command.start_at * 1000) or "")
        case "rename":
            return json.dumps(command.name, ensure_ascii=False)
    return str(command.bytes_per_s or "")


def _flatten(fields: Mapping[str, str]) -> list[str]:
    return [part for field in fields.items() for part in field]


def _parse_fields(reply: object) -> dict[str, str]:
    """Parse a hash as functions return it: a flat list."""
    flat = cast(Sequence[bytes], reply)
    return {name.decode(): value.decode("utf-8", "replace") for name, value in zip(flat[::2], flat[1::2], strict=True)}


def _host_of(worker: str) -> str:
    return worker.partition(":")[0]
