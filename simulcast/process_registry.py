"""The live processes, and the number of jobs in each state: for metrics and `simulcast top`, not for decisions.

Each process sends a heartbeat with its record every few seconds, and expires PROCESS_TTL_S after the last one.
"""

import time
from collections.abc import Mapping, Sequence
from typing import Annotated, cast

import redis.asyncio
from pydantic import Field, TypeAdapter, ValidationError

from simulcast.job_index import read_index
from simulcast.model.channel import DEFAULT_CHANNEL
from simulcast.model.job_record import STATES, State
from simulcast.model.processes import FrontEndRecord, Processes, QueueStats, ServiceStatus, WorkerRecord
from simulcast.store import functions
from simulcast.store.factory import topology_from_url
from simulcast.store.functions import Argument, Function
from simulcast.store.topology import Topology

PROCESS_TTL_S = 7.0
RECEIVED = "received_bytes"  # the total of all workers


Record = FrontEndRecord | WorkerRecord
_RECORD: TypeAdapter[Record] = TypeAdapter(Annotated[Record, Field(discriminator="kind")])


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
        reply = await self._read("processes", self._names.process_keys, [])
        texts, flat, used, limit = cast(tuple[list[bytes], list[bytes], bytes, bytes], reply)
        records = sorted(filter(None, map(_parse_record, texts)), key=lambda record: record.name)
        return Processes(
            [record for record in records if isinstance(record, FrontEndRecord)],
            [record for record in records if isinstance(record, WorkerRecord)],
            {name.decode(): int(value) for name, value in zip(flat[::2], flat[1::2], strict=True) if value.isdigit()},
            int(used),
            int(limit),
        )

    async def status(self) -> ServiceStatus:
        """Return all processes and the queue."""
        return ServiceStatus.of(time.time(), await self.processes(), await self.queue_stats())

    async def queue_stats(self) -> QueueStats:
        """Count the jobs in each state."""
        jobs, longest_wait_s = await self._count_jobs(self._names.job_keys)
        other_jobs, _ = await self._count_jobs(self._names.own_job_keys)
        return QueueStats(jobs, longest_wait_s, {state: count for state, count in other_jobs.items() if count})

    async def _count_jobs(self, job_keys: Sequence[str]) -> tuple[Mapping[State, int], float | None]:
        keys = [*self._names.stream_keys, *job_keys]
        wait_ms, *pairs = cast(
            list[int | bytes],
            await read_index(self._servers, self._names, "queue_stats", keys, [self._names.pubsub]),
        )
        counts = dict(zip(pairs[::2], pairs[1::2], strict=True))
        wait_s = max(0.0, int(wait_ms) / 1000) if wait_ms else None
        return {state: int(counts.get(state.encode(), 0)) for state in STATES}, wait_s

    async def _call(self, function: Function, keys: Sequence[str], args: Sequence[Argument]) -> object:
        async with self._servers.client_at(self._names.channel, f"call {function}") as client:
            return await functions.call(client, function, keys, args)

    async def _read(self, function: Function, keys: Sequence[str], args: Sequence[Argument]) -> object:
        async def call(client: redis.asyncio.Redis) -> object:
            return await functions.call(client, function, keys, args)

        return await self._servers.read(self._names.channel, f"call {function}", call)


def _parse_record(text: bytes) -> Record | None:
    try:
        return _RECORD.validate_json(text)
    except ValidationError:
        return None
