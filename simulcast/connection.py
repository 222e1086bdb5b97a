"""Connections to Redis: every reply has a deadline, and nothing is retried here: the caller knows what may be."""

import redis
import redis.asyncio
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import NoBackoff
from redis.retry import Retry

REPLY_TIMEOUT_S = 3.0
_MOST_CONNECTIONS = 64


def connect(url: str, most_connections: int = _MOST_CONNECTIONS) -> redis.asyncio.Redis:
    """An asyncio client; nothing is sent yet. Raises ValueError for an address of no known form."""
    pool = redis.asyncio.BlockingConnectionPool.from_url(
        url,
        max_connections=most_connections,
        timeout=REPLY_TIMEOUT_S,
        protocol=2,
        socket_timeout=REPLY_TIMEOUT_S,
        socket_connect_timeout=REPLY_TIMEOUT_S,
        retry=AsyncRetry(NoBackoff(), 0),
    )
    return redis.asyncio.Redis.from_pool(pool)  # closed with the client


def connect_sync(url: str) -> redis.Redis:
    """A blocking client with one connection."""
    return redis.Redis.from_url(
        url,
        max_connections=1,
        protocol=2,
        socket_timeout=REPLY_TIMEOUT_S,
        socket_connect_timeout=REPLY_TIMEOUT_S,
        retry=Retry(NoBackoff(), 0),
    )
