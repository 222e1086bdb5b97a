"""A service by its Redis."""

from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass

from simulcast.broker import Broker
from simulcast.channel_clients import count_clients
from simulcast.cli.redis import all_jobs_at
from simulcast.cli.service.protocol import Listed, PublishOptions, Refusal
from simulcast.jobs import Jobs
from simulcast.model.commands import Command, JobCommand
from simulcast.model.download_options import DownloadOptions
from simulcast.model.job_record import JobRecord, Query, SubmittedRecord
from simulcast.model.limits import Limits
from simulcast.model.own_job import JobQuery, OwnJobRecord
from simulcast.model.processes import ChannelCounts, ServiceStatus
from simulcast.own_jobs import OwnJobs
from simulcast.process_registry import ProcessRegistry
from simulcast.shared_limits import LimitStore
from simulcast.store.factory import topology_from_url
from simulcast.submissions import submit


@asynccontextmanager
async def service_by_redis(url: str, channel: str) -> AsyncIterator["RedisService"]:
    """Open the service of a Redis that has answered. Raises CommandError if Redis is away or refuses."""
    async with (
        all_jobs_at(url, channel) as (broker, jobs, own_jobs),
        aclosing(ProcessRegistry.connect(url)) as registry,
        aclosing(topology_from_url(url, max_connections=1)) as servers,
    ):
        yield RedisService(broker, jobs, own_jobs, registry, LimitStore(servers, broker))


@dataclass(frozen=True, slots=True)
class RedisService:
    """Implements `Service`."""

    _broker: Broker
    _jobs: Jobs
    _own_jobs: OwnJobs
    _registry: ProcessRegistry
    _limits: LimitStore

    async def add(self, url: str, priority: int, options: DownloadOptions, *, again: bool) -> SubmittedRecord:
        return await submit(self._jobs, url, priority, options, again=again)

    async def command(self, command: Command) -> Refusal | None:
        reason = await self._jobs.command(command)
        return Refusal(reason == "unknown_download", command.describe(reason)) if reason else None

    async def command_job(self, command: JobCommand) -> Refusal | None:
        reason = await self._own_jobs.command(command)
        return Refusal(reason == "unknown_job", command.describe(reason)) if reason else None

    async def has_job(self, job_id: str) -> bool:
        try:
            await self._own_jobs.get(job_id)
        except KeyError:
            return False
        return True

    async def downloads(self, query: Query) -> Listed[JobRecord]:
        page = await self._jobs.list(query)
        return Listed(page.records, page.total, page.is_complete)

    async def jobs(self, query: JobQuery) -> Listed[OwnJobRecord]:
        page = await self._own_jobs.list(query)
        return Listed(page.records, page.total, page.is_complete)

    async def publish(self, channel: str, text: str, options: PublishOptions) -> str:
        key, ends, ttl_s = options.key, options.ends, options.ttl_s
        return str(
            await self._broker.publish(
                text, channel, key=key, idempotency_key=options.idempotency_key, ttl_s=ttl_s, ends=ends
            )
        )

    async def channels(self) -> ChannelCounts:
        return await count_clients(self._registry)

    async def status(self) -> ServiceStatus:
        return await self._registry.status()

    async def limits(self) -> Limits:
        return await self._limits.read()

    async def set_limits(self, limits: Limits) -> None:
        await self._limits.set(limits)
