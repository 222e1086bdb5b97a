"""Errors in words for the user of a command."""

from urllib.parse import urlsplit

import redis

from simulcast.errors import BrokerUnavailable, CommandError, NotPermitted, SimulcastError
from simulcast.store.functions import translate_error
from simulcast.store.url import redacted_url

EXAMPLE = "redis://user:password@host:6379/0"


def redis_errors(error: redis.RedisError | BrokerUnavailable, url: str) -> CommandError:
    """Describe an error from the Redis at `url`, and its remedy."""
    place = f"Redis at {redacted_url(url)}"
    match error:
        case redis.exceptions.AuthenticationError() | redis.exceptions.NoPermissionError() | NotPermitted() if (
            urlsplit(url).password is None
        ):
            return CommandError(
                f"{place} requires a user and a password: put them into REDIS_URL, as in {EXAMPLE}.\n"
                "For the server of `simulcast up`, name its folder with --data (./data by default), or set REDIS_URL "
                "to the content of data/redis.url"
            )
        case redis.exceptions.AuthenticationError():
            return CommandError(f"{place} refuses the user or the password in its address: {error}")
        case redis.exceptions.BusyLoadingError():
            return CommandError(f"{place} is still reading its data: try again in a moment")
        case redis.ConnectionError() | redis.TimeoutError():
            return CommandError(f"no {place}: start one with `simulcast up`, or set REDIS_URL")
        case redis.RedisError():
            return CommandError(str(translate_error(error, f"use {place}")))
        case _:
            return CommandError(str(error))


def first_user_error(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """Return the first error of several tasks that is meant for the user, else the group."""
    error: BaseException | None = group.subgroup(SimulcastError)
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error or group
