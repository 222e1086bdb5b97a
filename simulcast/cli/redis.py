"""The way from a command to Redis: its address, and a broker or jobs for as long as the command needs them."""

from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path

import redis

from simulcast.broker import Broker
from simulcast.cli.errors import redis_errors
from simulcast.errors import CommandError, NotPermitted
from simulcast.jobs import Jobs
from simulcast.model.channel import DEFAULT_CHANNEL
from simulcast.own_jobs import OwnJobs
from simulcast.settings.redis import RedisSettings
from simulcast.store.factory import topology_from_url


def redis_url(given: str, data: Path) -> str:
    """Return the given address, else the one that `simulcast up` wrote into `data`, else the usual one.

    Raises SettingRefused.
    """
    return given or RedisSettings.from_environment().resolved_redis_url(data)


@asynccontextmanager
async def broker_at(url: str) -> AsyncIterator[Broker]:
    """Open a broker whose Redis has answered, and close it. Raises CommandError if Redis is away or refuses."""
    try:
        servers = topology_from_url(url, max_connections=1)
    except ValueError as error:
        raise CommandError(str(error)) from error
    broker = Broker.connect(url, RedisSettings.from_environment(REDIS_URL=url).silent_ttl_s)
    async with aclosing(broker), aclosing(servers):
        try:
            await (await servers.client_for(DEFAULT_CHANNEL)).ping()
            yield broker
        except (redis.RedisError, NotPermitted) as error:
            raise redis_errors(error, url) from error


@asynccontextmanager
async def jobs_at(url: str) -> AsyncIterator[Jobs]:
    """Open the downloads of a Redis that has answered, and close them. Raises as `broker_at`."""
    async with all_jobs_at(url) as (jobs, _):
        yield jobs


@asynccontextmanager
async def all_jobs_at(url: str) -> AsyncIterator[tuple[Jobs, OwnJobs]]:
    """As `jobs_at`, with the jobs that are no downloads."""
    async with (
        broker_at(url) as broker,
        aclosing(Jobs.connect(url, broker)) as jobs,
        aclosing(OwnJobs.connect(url, broker)) as own_jobs,
    ):
        yield jobs, own_jobs
