"""What the user is told when a command can't do what was asked."""

from urllib.parse import urlsplit

import redis

from simulcast.address import shown
from simulcast.errors import NotPermitted, SimulcastError


class Complaint(SimulcastError):
    """One or two lines: what was wrong, with which input, what to do. Ends the command with exit code 1."""


def about_redis(error: redis.RedisError | NotPermitted, url: str) -> Complaint:
    """What to say of an error from the Redis at `url`."""
    place = f"Redis at {shown(url)}"
    match error:
        case redis.exceptions.AuthenticationError():
            return Complaint(f"{place} refuses the user or the password that the address names: {error}")
        case redis.exceptions.BusyLoadingError():
            return Complaint(f"{place} is still reading its data: try again in a moment")
        case redis.ConnectionError() | redis.TimeoutError():
            return Complaint(f"no {place}: start one with `simulcast up`, or set REDIS_URL")
        case NotPermitted() if urlsplit(url).username is None:
            return Complaint(
                f"{place} wants a user and a password. If it belongs to `simulcast up`, "
                "name its folder by --data (./data unless told), or set REDIS_URL to what data/redis.url holds"
            )
        case _:
            return Complaint(str(error))


def to_tell(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """Of what several tasks raised, the first error that is meant for the user, else the whole."""
    found: BaseException | None = group.subgroup(SimulcastError)
    while isinstance(found, BaseExceptionGroup):
        found = found.exceptions[0]
    return found or group
