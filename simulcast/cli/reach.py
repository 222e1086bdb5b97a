"""Reaching Redis from a command: where it is, and a broker for as long as the command needs it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import redis

from simulcast.broker import Broker
from simulcast.cli.complaint import Complaint, about_redis, shown
from simulcast.connection import connect
from simulcast.errors import NotPermitted
from simulcast.settings import SharedSettings


def redis_url(given: str, data: Path) -> str:
    """What was given, else what `simulcast up` wrote into `data`, else the usual address. Raises Complaint."""
    if given:
        return given
    try:
        return SharedSettings().resolved_redis_url(data)
    except OSError as error:
        raise Complaint(f"can't read {error.filename}: {error.strerror}. Set REDIS_URL, or run as its owner") from error


@asynccontextmanager
async def broker_at(url: str) -> AsyncIterator[Broker]:
    """A broker whose Redis has answered, closed at the end. Raises Complaint where it doesn't, or refuses."""
    try:
        broker, client = Broker.connect(url), connect(url, most_connections=1)
    except ValueError as error:
        raise Complaint(
            f"{shown(url)!r} is no address of a Redis: it looks like redis://localhost:6379/0, rediss://… or unix:///path"
        ) from error
    try:
        await client.ping()
        yield broker
    except (redis.RedisError, NotPermitted) as error:
        raise about_redis(error, url) from error
    finally:
        await client.aclose()
        await broker.aclose()
