"""The live processes and the queue, as `simulcast top`, `/status` and metrics show them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from simulcast.model.job_record import State

MAX_RECORD_CHARS = 300
MAX_REPORTED_CHANNELS = 500  # of one process


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
    """One worker: number of its downloads, their maximum, and received bytes per second.

    `channels`: those it serves, as of `ChannelPatterns.texts`; None where it tells none, as one of an older release,
    or one with more than MAX_REPORTED_CHANNELS.
    """

    kind: Literal["worker"] = "worker"
    running: int
    max_downloads: int
    bytes_per_s: float
    channels: list[str] | None = Field(default=None, max_length=MAX_REPORTED_CHANNELS)


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


class ServiceStatus(BaseModel):
    """All processes and the queue at one moment. Rates are per second, sizes in bytes, times in seconds.

    `at`: since 1970. `jobs`: downloads in each state; `other_jobs`: as `jobs`, of other jobs.
    """

    at: float
    front_ends: list[FrontEndRecord]
    workers: list[WorkerRecord]
    jobs: dict[State, int]
    other_jobs: dict[State, int]
    longest_wait_s: float | None
    totals: dict[str, int]

    @classmethod
    def of(cls, at: float, processes: Processes, queue: QueueStats) -> "ServiceStatus":
        """Join both readings."""
        return cls(
            at=at,
            front_ends=list(processes.front_ends),
            workers=list(processes.workers),
            jobs=dict(queue.jobs),
            other_jobs=dict(queue.other_jobs),
            longest_wait_s=queue.longest_wait_s,
            totals=dict(processes.totals),
        )


class ChannelCount(BaseModel):
    """A channel, and its clients on all front-ends."""

    channel: str
    clients: int


class ChannelCounts(BaseModel):
    """Those with most clients first. `complete`: False where front-ends have more channels than they report."""

    channels: list[ChannelCount]
    complete: bool

    @classmethod
    def of(cls, clients: Mapping[str, int], *, complete: bool) -> "ChannelCounts":
        """Sort the clients by channel."""
        counts = sorted(clients.items(), key=lambda count: (-count[1], count[0]))
        return cls(channels=[ChannelCount(channel=name, clients=number) for name, number in counts], complete=complete)
