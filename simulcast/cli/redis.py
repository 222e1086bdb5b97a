"""The way from a command to Redis: its address, and a broker or jobs for as long as the command needs them."""

from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import redis

from simulcast.broker import Broker
from simulcast.cli.errors import ServiceUnavailable, TokenRefused
from simulcast.errors import BrokerUnavailable, CommandError, NotPermitted
from simulcast.jobs import Jobs
from simulcast.model.channel import DEFAULT_CHANNEL
from simulcast.own_jobs import OwnJobs
from simulcast.settings.redis import RedisSettings
from simulcast.store.factory import topology_from_url
from simulcast.store.functions import translate_error
from simulcast.store.url import redacted_url

EXAMPLE = "redis://user:password@host:6379/0"


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
async def all_jobs_at(url: str, channel: str) -> AsyncIterator[tuple[Broker, Jobs, OwnJobs]]:
    """Open also the downloads and other jobs of a channel, and close them. Raises as `broker_at`."""
    async with (
        broker_at(url) as broker,
        aclosing(Jobs.connect(url, broker, channel)) as jobs,
        aclosing(OwnJobs.connect(url, broker, channel)) as own_jobs,
    ):
        yield broker, jobs, own_jobs


def redis_errors(error: redis.RedisError | BrokerUnavailable, url: str) -> CommandError:
    """Describe an error from the Redis at `url`, and its remedy."""
    place = f"Redis at {redacted_url(url)}"
    match error:
        case redis.exceptions.AuthenticationError() | redis.exceptions.NoPermissionError() | NotPermitted() if (
            urlsplit(url).password is None
        ):
            return TokenRefused(
                f"{place} requires a user and a password: put them into REDIS_URL, as in {EXAMPLE}.\n"
                "For the server of `simulcast up`, name its folder with --data (./data by default), or set REDIS_URL "
                "to the content of data/redis.url"
            )
        case redis.exceptions.AuthenticationError():
            return TokenRefused(f"{place} refuses the user or the password in its address: {error}")
        case redis.exceptions.BusyLoadingError():
            return ServiceUnavailable(f"{place} is still reading its data: try again in a moment")
        case redis.ConnectionError() | redis.TimeoutError():
            return ServiceUnavailable(f"no {place}: start one with `simulcast up`, or set REDIS_URL")
        case redis.RedisError():
            return CommandError(str(translate_error(error, f"use {place}")))
        case NotPermitted():
            return TokenRefused(str(error))
        case _:
            return CommandError(str(error))
