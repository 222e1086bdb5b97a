"""Jobs of any kind: leases of the processes that run them. A change of state is published in the step that makes it.

Announcements, starts and ends leave through the broker's sender, which sends them again to a server that takes over, so
that no acknowledged one is lost. `simulcast.job` keeps a lease for a block of code; this is what it is made of.
"""

import json
import math
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, cast

import redis.asyncio

from simulcast.broker import HISTORY_LENGTH, Broker
from simulcast.errors import BrokerUnavailable, InvalidEvent, JobCancelled, JobTaken, LeaseLost
from simulcast.job_calls import JobCalls
from simulcast.job_list import JobList
from simulcast.model import own_job
from simulcast.model.channel import DEFAULT_CHANNEL
from simulcast.model.commands import JobCommand, Reason
from simulcast.model.events import quote
from simulcast.model.job_page import JobPage
from simulcast.model.job_record import decode_hash
from simulcast.model.own_job import JobEnd, JobQuery, OwnJobRecord
from simulcast.store import functions
from simulcast.store.functions import Argument, Function
from simulcast.store.topology import Topology

JOB_LEASE_S = 10.0
QUEUED_TTL_S = 24 * 3600.0
RENEW_BATCH = 200
MAX_ATTEMPT = 2**31
_NOTHING_DONE = ',"progress":0.0'
Desired = Literal["running", "cancelled", "lost"]


@dataclass(frozen=True, slots=True)
class JobLease:
    """A lease on one job. The token proves the ownership; no other start has it."""

    job_id: str
    token: str
    attempt: int
    desired: Desired


class OwnJobs(JobCalls):
    """The jobs of one channel that are no downloads."""

    def __init__(self, servers: Topology, broker: Broker, channel: str = DEFAULT_CHANNEL) -> None:
        """Owns `servers`."""
        super().__init__(servers, broker, channel)
        self._keys = [*self._names.stream_keys, *self._names.own_job_keys]
        self._list = JobList(servers, channel, self._keys, "job_id", own_job.RECORD_FIELDS, own_job.parse_record)

    async def queue(
        self,
        job_id: str,
        about: str,
        *,
        attempt: int = 0,
        ttl_s: float = QUEUED_TTL_S,
        members: str = "",
        nonce: str = "",
    ) -> int:
        """Announce a job that a process will start within `ttl_s`; later, it fails. Return its attempt.

        `about`: of `own_job.about`. `attempt`: 0 for the next one; the announcement of one that began or ended already
        changes nothing. `nonce`: a repetition with the same one announces nothing again. Raises JobTaken if the id is a
        download's, BrokerUnavailable.
        """
        if not 0 < ttl_s < math.inf:
            raise InvalidEvent(f"ttl_s is a number of seconds above 0, not {ttl_s}")
        args: list[Argument] = [HISTORY_LENGTH, job_id, about, nonce or secrets.token_hex(8), round(ttl_s * 1000)]

        def repeat(reply: object) -> Sequence[Argument] | None:
            match reply:
                case [b"queued", bytes(number), bytes(change)]:
                    return [*args, number, members, change]
            return None

        match await self._send("queue_job", [*args, _attempt(attempt), members, ""], "queue_job", repeat):
            case [b"taken", *_]:
                raise JobTaken(job_id, "a download")
            case [bytes(), bytes(number), *_]:
                return int(number)
        raise LeaseLost(f"job {job_id} was removed meanwhile")

    async def start(
        self, job_id: str, about: str, token: str, worker: str, *, attempt: int = 0, lease_s: float = JOB_LEASE_S
    ) -> JobLease:
        """Begin a job, leased for `lease_s` from now; a repetition with the same token changes nothing.

        One that is queued keeps its attempt, any other begins the next one, or `attempt` if that is larger. Raises
        JobTaken while another process has it, JobCancelled, once, if it was cancelled while it was queued, LeaseLost if
        the lease of that token has ended, BrokerUnavailable.
        """
        args: list[Argument] = [HISTORY_LENGTH, job_id, about, token, round(lease_s * 1000), worker]

        def repeat(reply: object) -> Sequence[Argument] | None:
            match reply:
                case [b"started", bytes(number), bytes(change), *_]:
                    return [*args, number, change]
            return None

        match await self._send("start_job", [*args, _attempt(attempt), ""], "start_job", repeat):
            case [b"started", bytes(number), _, bytes(desired)]:
                return JobLease(job_id, token, int(number), _parse_desired(desired))
            case [b"taken", bytes(owner), bytes(lease_end_ms)]:
                raise JobTaken(job_id, owner.decode(), float(lease_end_ms))
            case [b"cancelled"]:
                raise JobCancelled(job_id)
        raise LeaseLost(f"the lease on job {job_id} has ended")

    async def renew(self, tokens: Mapping[str, str], lease_s: float = JOB_LEASE_S) -> dict[str, Desired]:
        """Renew the leases, given as tokens by id, to `lease_s` from now, and return the desired states by id.

        A job is left out that Redis has forgotten, as after a restart with older data: it may be started again. At most
        RENEW_BATCH in one call keep Redis responsive. Raises BrokerUnavailable.
        """
        args: list[Argument] = [
            HISTORY_LENGTH,
            round(lease_s * 1000),
            *(text for pair in tokens.items() for text in pair),
        ]
        # Past the sender: behind thousands of reports a lease would expire.
        async with self._servers.client_at(self._names.channel, "renew the leases of jobs") as client:
            reply = await functions.call(client, "renew_jobs", self._keys, args)
        states = zip(tokens, cast(Sequence[bytes], reply), strict=True)
        return {job_id: _parse_desired(text) for job_id, text in states if text != b"unknown"}

    async def progress(self, job_id: str, token: str, measures: str) -> Desired:
        """Publish how far a job is, and return the desired state. Raises LeaseLost, BrokerUnavailable.

        `measures`: of `own_job.measures`.
        """
        [desired] = cast(Sequence[bytes], await self._report(job_id, token, "progress", measures, "", {}, 0.0))
        return _parse_desired(desired)

    async def end(
        self,
        job_id: str,
        token: str,
        state: JobEnd,
        *,
        measures: str = "",
        result: object = None,
        error_message: str = "",
        ttl_s: float = QUEUED_TTL_S,
    ) -> JobEnd:
        """End a lease with that state; "queued" announces the next attempt, to be started within `ttl_s`.

        `measures`: "" for those that were reported last. `error_message`: of "error" and "queued", for people. Return
        the state: a job that was to be cancelled is not queued again. A repetition changes nothing. Raises
        InvalidEvent, LeaseLost, BrokerUnavailable.
        """
        members, fields = own_job.result_members(result), {}
        if result is not None:
            fields = {"result": members.partition(":")[2]}
        if error_message or state == "error":
            members, fields = _add_error(members, error_message)
        if state == "queued":
            measures = measures or _NOTHING_DONE
        reply = cast(Sequence[bytes], await self._report(job_id, token, state, measures, members, fields, ttl_s))
        return cast(JobEnd, reply[2].decode())

    async def command(self, command: JobCommand) -> Reason | None:
        """Record a command; returns None, or the reason of its rejection. Raises BrokerUnavailable."""
        command_id = json.dumps(command.command_id) if command.command_id else ""
        publish_args: list[Argument] = [self._names.pubsub, HISTORY_LENGTH]
        action = "delete" if command.action == "remove_job" else "cancel"
        args = [*publish_args, command.job_id, action, command_id, secrets.token_hex(8), ""]

        def repeat(reply: object) -> Sequence[Argument] | None:
            match reply:
                case [b"accepted", bytes(accepted_at)]:
                    return [*args, accepted_at]
                case [b"accepted", _, bytes(deletion)]:
                    return [*publish_args, command.job_id, deletion]
            return None

        match await self._send("command", [*args, ""], "forget" if action == "delete" else "command", repeat):
            case [b"accepted", *_]:
                return None
            case [b"unknown_download", *_]:
                return "unknown_job"
            case [b"unavailable"]:
                raise BrokerUnavailable(f"could not {action} the job: Redis is taking over; try again in 5 s")
        return "invalid_transition"

    async def get(self, job_id: str) -> OwnJobRecord:
        """Return one record. Raises KeyError if there is none, BrokerUnavailable."""

        async def call(client: redis.asyncio.Redis) -> object:
            return await client.hgetall(self._names.job_prefix + job_id)

        reply = await self._servers.read(self._names.channel, "read a job", call)
        fields = decode_hash(cast(Mapping[bytes, bytes], reply))
        if fields.get("family") != "job":
            raise KeyError(job_id)
        return own_job.parse_record(fields)

    async def list(self, query: JobQuery) -> JobPage[OwnJobRecord]:
        """Return one page of records. Raises BrokerUnavailable."""
        return await self._list.page(query.select())

    async def _report(
        self,
        job_id: str,
        token: str,
        kind: str,
        measures: str,
        members: str,
        fields: Mapping[str, str],
        ttl_s: float,
    ) -> object:
        args: list[Argument] = [HISTORY_LENGTH, job_id, token]
        ttl_ms, pairs = round(ttl_s * 1000), [part for field in fields.items() for part in field]

        def repeat(reply: object) -> Sequence[Argument] | None:
            match reply:
                case [bytes(), bytes(change), bytes(state), bytes(named)]:
                    return [*args, state, measures, members.encode() + named, ttl_ms, change, *pairs]
            return None

        retained: Function | None = None if kind == "progress" else "report_job"
        call = [*args, kind, measures, members, ttl_ms, "", *pairs]
        reply = await self._send("report_job", call, retained, repeat)
        if reply is None:
            raise LeaseLost(f"job {job_id} is no longer this process's")
        return reply


def _attempt(attempt: int) -> Argument:
    """Return the argument for an attempt, "" for the next one. Raises InvalidEvent for one that can't be counted."""
    if isinstance(attempt, bool) or not isinstance(attempt, int) or not 0 <= attempt < MAX_ATTEMPT:
        raise InvalidEvent(f"attempt is a whole number from 0 upwards, not {quote(attempt)}")
    return attempt or ""


def _add_error(members: str, message: str) -> tuple[str, dict[str, str]]:
    error, text = own_job.error_members(message or "it failed")
    return members + error, {"error": text}


def _parse_desired(text: bytes) -> Desired:
    return "running" if text == b"running" else "cancelled" if text == b"cancelled" else "lost"
