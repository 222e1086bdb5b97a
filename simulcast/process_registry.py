"""Which processes there are, and how many jobs in which state: for metrics and `simulcast top`, not for decisions.

Each process says every few seconds that it lives and how it is; who is silent for EXPIRES_S is believed gone.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal, cast

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from simulcast.model.channel import DEFAULT_CHANNEL, ChannelNames
from simulcast.model.job_record import STATES, State
from simulcast.store import functions
from simulcast.store.factory import topology_from_url
from simulcast.store.functions import Argument, Function
from simulcast.store.topology import Topology

PROCESS_TTL_S = 7.0
RECEIVED = "received_bytes"  # the total of what workers have received
_PAGE = 1000
MAX_RECORD_CHARS = 300


class _Process(BaseModel):
    """`name`: host, process id and what tells it from others. `started_at`: seconds since 1970."""

    model_config = ConfigDict(frozen=True)

    name: str = Field(max_length=MAX_RECORD_CHARS)
    version: str = Field(max_length=MAX_RECORD_CHARS)
    started_at: float


class FrontEndRecord(_Process):
    """One front-end. Rates are those since it spoke before.

    `address`, `admin`: host and port of what clients and operators connect to, "" where there is none. `trouble`: why
    no events arrive, "" while they do. `lag_s`: the longest time from Redis to the flush among what was measured, None
    where nothing came.
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


class WorkerRecord(_Process):
    """One worker: how many downloads it owns, of how many that it may, and what it receives."""

    kind: Literal["worker"] = "worker"
    running: int
    max_downloads: int
    bytes_per_s: float


Record = FrontEndRecord | WorkerRecord
_RECORD: TypeAdapter[Record] = TypeAdapter(Annotated[Record, Field(discriminator="kind")])


@dataclass(frozen=True, slots=True)
class Processes:
    """Those that live, by kind and name, and what all that ever lived have counted."""

    front_ends: Sequence[FrontEndRecord]
    workers: Sequence[WorkerRecord]
    totals: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class QueueStats:
    """How many jobs are in each state, and for how long the one that waits longest has been waiting, if one does."""

    jobs: Mapping[State, int]
    longest_wait_s: float | None


class ProcessRegistry:
    """Asks and tells Redis. Every method raises BrokerUnavailable."""

    def __init__(self, servers: Topology) -> None:
        """Owns `servers`."""
        self._servers = servers
        self._names = ChannelNames(DEFAULT_CHANNEL)

    @classmethod
    def connect(cls, url: str) -> "ProcessRegistry":
        """Nothing is sent yet. Raises ValueError for an address of no known form."""
        return cls(topology_from_url(url, max_connections=2))

    async def aclose(self) -> None:
        await self._servers.aclose()

    async def heartbeat(self, record: Record, increments: Mapping[str, int]) -> None:
        """The process lives. `counted`: what it has counted since it spoke before."""
        pairs = [part for counter, by in increments.items() for part in (counter, by)]
        args = [record.name, round(PROCESS_TTL_S * 1000), record.model_dump_json(), *pairs]
        await self._call("heartbeat", self._names.process_keys, args)

    async def leave(self, name: str) -> None:
        """The process ends."""
        await self._call("heartbeat", self._names.process_keys, [name, 0, ""])

    async def processes(self) -> Processes:
        """Those that live. One whose record this version doesn't understand is left out."""
        texts, flat = cast(tuple[list[bytes], list[bytes]], await self._call("processes", self._names.process_keys, []))
        found = sorted(filter(None, map(_parse_record, texts)), key=lambda record: record.name)
        return Processes(
            [record for record in found if isinstance(record, FrontEndRecord)],
            [record for record in found if isinstance(record, WorkerRecord)],
            {name.decode(): int(value) for name, value in zip(flat[::2], flat[1::2], strict=True)},
        )

    async def queue_stats(self) -> QueueStats:
        """Counts the jobs, a page at a time."""
        keys = [*self._names.stream_keys, *self._names.job_keys]
        jobs: dict[State, int] = dict.fromkeys(STATES, 0)
        waits: list[float] = []
        first, increments = 0, _PAGE
        while increments == _PAGE:
            args: list[Argument] = [self._names.pubsub, first, _PAGE]
            page, wait_ms, *pairs = cast(list[int | bytes], await self._call("queue_stats", keys, args))
            increments = int(page)
            if wait_ms:
                waits.append(max(0.0, int(wait_ms) / 1000))
            for state, number in zip(pairs[::2], pairs[1::2], strict=True):
                known = next((each for each in STATES if each.encode() == state), None)
                if known is not None:
                    jobs[known] += int(number)
            first += _PAGE
        return QueueStats(jobs, max(waits, default=None))

    async def _call(self, function: Function, keys: Sequence[str], args: Sequence[Argument]) -> object:
        async with self._servers.client_at(self._names.channel, f"call {function}") as client:
            return await functions.call(client, function, keys, args)


def _parse_record(text: bytes) -> Record | None:
    try:
        return _RECORD.validate_json(text)
    except ValidationError:
        return None
