"""The live processes, and the number of jobs in each state: for metrics and `simulcast top`, not for decisions.

Each process sends a heartbeat with its record every few seconds, and expires PROCESS_TTL_S after the last one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Literal, cast

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from simulcast.model.channel import DEFAULT_CHANNEL
from simulcast.model.job_record import STATES, State
from simulcast.store import functions
from simulcast.store.factory import topology_from_url
from simulcast.store.functions import Argument, Function
from simulcast.store.topology import Topology

PROCESS_TTL_S = 7.0
RECEIVED = "received_bytes"  # the total of all workers
_PAGE = 1000
MAX_RECORD_CHARS = 300
MAX_REPORTED_CHANNELS = 500  # of one front-end


class _Process(BaseModel):
    """A process. `name` is that of `simulcast.heartbeat.process_name`. `started_at`: seconds since 1970."""

    model_config = ConfigDict(frozen=True)

    name: str = Field(max_length=MAX_RECORD_CHARS)
    version: str = Field(max_length=MAX_RECORD_CHARS)
    started_at: float


class FrontEndRecord(_Process):
    """One front-end. Rates are those since its previous heartbeat.

    `address`, `admin`: host and port for clients and for operators, "" if it has none. `trouble`: the reason why no
    events arrive, "" while they do. `lag_s`: the longest measured time from Redis to the flush, None without events.
    `clients_by_channel`: at most MAX_REPORTED_CHANNELS channels, those with most clients.
    """

    kind: Literal["front_end"] = "front_end"
    address: str = Field(max_length=MAX_RECORD_CHARS)
    admin: str = Field(max_length=MAX_RECORD_CHARS)
    trouble: str
    channels: int
    clients: int
    behind: int
    events_per_s: float
    deliveries_per_s: float
    bytes_per_s: float
    lag_s: float | None
    channels_with_clients: int = 0
    clients_by_channel: dict[str, int] = Field(default={}, max_length=MAX_REPORTED_CHANNELS)


class WorkerRecord(_Process):
    """One worker: number of its downloads, their maximum, and received bytes per second."""

    kind: Literal["worker"] = "worker"
    running: int
    max_downloads: int
    bytes_per_s: float


Record = FrontEndRecord | WorkerRecord
_RECORD: TypeAdapter[Record] = TypeAdapter(Annotated[Record, Field(discriminator="kind")])


@dataclass(frozen=True, slots=True)
class Processes:
    """The live processes, sorted by name, and the totals of all processes, live or not.

    `redis_bytes`: memory that Redis uses; `redis_max_bytes`: its limit, 0 without one.
    """

    front_ends: Sequence[FrontEndRecord]
    workers: Sequence[WorkerRecord]
    totals: Mapping[str, int]
    redis_bytes: int = 0
    redis_max_bytes: int = 0


@dataclass(frozen=True, slots=True)
class QueueStats:
    """Number of downloads in each state, age of the oldest runnable one, and number of other jobs in each state."""

    jobs: Mapping[State, int]
    longest_wait_s: float | None
    other_jobs: Mapping[State, int] = field(default_factory=dict)


class ProcessRegistry:
    """The registry in Redis. Every method raises BrokerUnavailable."""

    def __init__(self, servers: Topology) -> None:
        """Owns `servers`."""
        self._servers = servers
        self._names = servers.names(DEFAULT_CHANNEL)

    @classmethod
    def connect(cls, url: str) -> "ProcessRegistry":
        """Return the registry at a URL; sends nothing yet. Raises ValueError for a URL of no known form."""
        return cls(topology_from_url(url, max_connections=2))

    async def aclose(self) -> None:
        await self._servers.aclose()

    async def heartbeat(self, record: Record, increments: Mapping[str, int]) -> None:
        """Register the process for PROCESS_TTL_S. `increments`: growth of its counters since the last call."""
        pairs = [part for counter in increments.items() for part in counter]
        args = [record.name, round(PROCESS_TTL_S * 1000), record.model_dump_json(), *pairs]
        await self._call("heartbeat", self._names.process_keys, args)

    async def leave(self, name: str) -> None:
        """Deregister the process."""
        await self._call("heartbeat", self._names.process_keys, [name, 0, ""])

    async def processes(self) -> Processes:
        """Return the live processes, without those whose record this version can't read."""
        reply = await self._call("processes", self._names.process_keys, [])
        texts, flat, used, limit = cast(tuple[list[bytes], list[bytes], bytes, bytes], reply)
        records = sorted(filter(None, map(_parse_record, texts)), key=lambda record: record.name)
        return Processes(
            [record for record in records if isinstance(record, FrontEndRecord)],
            [record for record in records if isinstance(record, WorkerRecord)],
            {name.decode(): int(value) for name, value in zip(flat[::2], flat[1::2], strict=True)},
            int(used),
            int(limit),
        )

    async def queue_stats(self) -> QueueStats:
        """Count the jobs, a page at a time."""
        jobs, longest_wait_s = await self._count_jobs(self._names.job_keys)
        other_jobs, _ = await self._count_jobs(self._names.own_job_keys)
        return QueueStats(jobs, longest_wait_s, {state: count for state, count in other_jobs.items() if count})

    async def _count_jobs(self, job_keys: Sequence[str]) -> tuple[Mapping[State, int], float | None]:
        keys = [*self._names.stream_keys, *job_keys]
        jobs: dict[State, int] = dict.fromkeys(STATES, 0)
        waits: list[float] = []
        start, size = 0, _PAGE
        while size == _PAGE:
            args: list[Argument] = [self._names.pubsub, start, _PAGE]
            reply, wait_ms, *pairs = cast(list[int | bytes], await self._call("queue_stats", keys, args))
            size = int(reply)
            if wait_ms:
                waits.append(max(0.0, int(wait_ms) / 1000))
            counts = dict(zip(pairs[::2], pairs[1::2], strict=True))
            for state in STATES:
                jobs[state] += int(counts.get(state.encode(), 0))
            start += _PAGE
        return jobs, max(waits, default=None)

    async def _call(self, function: Function, keys: Sequence[str], args: Sequence[Argument]) -> object:
        async with self._servers.client_at(self._names.channel, f"call {function}") as client:
            return await functions.call(client, function, keys, args)


def _parse_record(text: bytes) -> Record | None:
    try:
        return _RECORD.validate_json(text)
    except ValidationError:
        return None
