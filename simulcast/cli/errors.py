"""What the user is told when a command can't do what was asked."""

from urllib.parse import urlsplit

import redis

from simulcast.errors import CommandError, NotPermitted, SimulcastError
from simulcast.store.url import redacted_url


def redis_errors(error: redis.RedisError | NotPermitted, url: str) -> CommandError:
    """What to say of an error from the Redis at `url`."""
    place = f"Redis at {redacted_url(url)}"
    match error:
        case redis.exceptions.AuthenticationError():
            return CommandError(f"{place} refuses the user or the password that the address names: {error}")
        case redis.exceptions.BusyLoadingError():
            return CommandError(f"{place} is still reading its data: try again in a moment")
        case redis.ConnectionError() | redis.TimeoutError():
            return CommandError(f"no {place}: start one with `simulcast up`, or set REDIS_URL")
        case NotPermitted() if urlsplit(url).username is None:
            return CommandError(
                f"{place} wants a user and a password. If it belongs to `simulcast up`, "
                "name its folder by --data (./data unless told), or set REDIS_URL to what data/redis.url holds"
            )
        case _:
            return CommandError(str(error))


def first_user_error(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """Of what several tasks raised, the first error that is meant for the user, else the whole."""
    found: BaseException | None = group.subgroup(SimulcastError)
    while isinstance(found, BaseExceptionGroup):
        found = found.exceptions[0]
    return found or group
