"""The operations of a service, as commands need them: by Redis where it runs, by REST from anywhere."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, NamedTuple, Protocol, TypeVar

from simulcast.model.commands import Command, JobCommand
from simulcast.model.download_options import DownloadOptions
from simulcast.model.job_record import JobRecord, Query, SubmittedRecord
from simulcast.model.limits import Limits
from simulcast.model.own_job import JobQuery, OwnJobRecord
from simulcast.model.processes import ChannelCounts, ServiceStatus

_Record = TypeVar("_Record")


@dataclass(frozen=True, slots=True)
class PublishOptions:
    """The options of `Broker.publish`. `ttl_s`: None for the setting's."""

    key: str = ""
    idempotency_key: str = ""
    ttl_s: int | None = None
    ends: bool = False


@dataclass(frozen=True, slots=True)
class Refusal:
    """A command that was not recorded. `is_unknown`: there is no such download or job."""

    is_unknown: bool
    message: str


class Listed(NamedTuple, Generic[_Record]):
    """The first records of a list. `is_complete`: False where only so many were looked at."""

    records: Sequence[_Record]
    total: int
    is_complete: bool


class Service(Protocol):
    """Its downloads and jobs are those of one channel. Every method raises CommandError and BrokerUnavailable."""

    async def add(self, url: str, priority: int, options: DownloadOptions, *, again: bool) -> SubmittedRecord:
        """Queue a download, unless `again` is false and the same is there already."""

    async def command(self, command: Command) -> Refusal | None:
        """Record the command; None once it is."""

    async def command_job(self, command: JobCommand) -> Refusal | None:
        """As `command`, for a job that is no download."""

    async def has_job(self, job_id: str) -> bool:
        """Return whether there is a job of that id which is no download."""

    async def downloads(self, query: Query) -> Listed[JobRecord]:
        """Return the records, and the number of those that match."""

    async def jobs(self, query: JobQuery) -> Listed[OwnJobRecord]:
        """As `downloads`, for jobs that are no downloads."""

    async def publish(self, channel: str, text: str, options: PublishOptions) -> str:
        """Publish one event, a JSON object, and return its `event_id`."""

    async def channels(self) -> ChannelCounts:
        """Return the channels that have clients."""

    async def status(self) -> ServiceStatus:
        """Return all processes and the queue."""

    async def limits(self) -> Limits:
        """Return the limits of all workers together."""

    async def set_limits(self, limits: Limits) -> None:
        """Replace them."""
