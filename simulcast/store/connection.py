"""Connections to one Redis: every reply has a deadline. Retries are the callers' decision.

An abandoned call must not arrive later. The kernel goes on sending the undelivered bytes of a closed connection, and
the call would be executed after later ones; so the kernel gives up before the caller does (TCP_USER_TIMEOUT, RFC 5482,
on Linux).

A write to a connection that has just ended raises RuntimeError under uvloop, where asyncio's own loop raises OSError.
redis-py does not expect it, so it becomes redis.ConnectionError here. So does an error of the file in which redis-py
looks up its own version for each connection: a process may have no descriptors left.

A server that does not know the command which carries the password repeats that: its text is cut there.
"""

import socket
from typing import Any

import redis
import redis.asyncio
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

REPLY_TIMEOUT_S = 3.0
DELIVERY_TIMEOUT_S = 2.5
MAX_POOL_CONNECTIONS = 64
_TCP = {"TCP_KEEPIDLE": 30, "TCP_KEEPINTVL": 5, "TCP_KEEPCNT": 3, "TCP_USER_TIMEOUT": round(DELIVERY_TIMEOUT_S * 1000)}


def connect(url: str, max_connections: int = MAX_POOL_CONNECTIONS) -> redis.asyncio.Redis:
    """Return an asyncio client of one server; sends nothing yet. Raises ValueError for a URL of no known form."""
    pool = redis.asyncio.BlockingConnectionPool.from_url(
        url,
        max_connections=max_connections,
        timeout=REPLY_TIMEOUT_S,
        protocol=2,
        encoding_errors="replace",  # a lone surrogate must not end the calls of others that leave with it
        socket_timeout=REPLY_TIMEOUT_S,
        socket_connect_timeout=REPLY_TIMEOUT_S,
        retry=Retry(NoBackoff(), 0),
        **_tcp_options(url),
    )
    pool.connection_class = _LOSS_DETECTING[pool.connection_class]
    return redis.asyncio.Redis.from_pool(pool)  # closed with the client


class _LossDetectingConnection:
    """A mixin in front of a connection of redis-py."""

    def __init__(self, *args: Any, **options: Any) -> None:
        try:
            super().__init__(*args, **options)
        except OSError as error:
            raise redis.ConnectionError(f"no connection could be made: {error}") from error

    async def on_connect_check_health(self, check_health: bool = True) -> None:
        try:
            await super().on_connect_check_health(check_health)  # type: ignore[misc]
        except redis.ResponseError as error:  # of a server without AUTH, which repeats the password
            raise type(error)(str(error).partition(", with args")[0]) from None

    async def send_packed_command(self, command: Any, check_health: bool = True) -> None:
        try:
            await super().send_packed_command(command, check_health)  # type: ignore[misc]
        except (RuntimeError, AttributeError) as error:  # uvloop's, and of a writer that was closed meanwhile
            raise redis.ConnectionError(f"the connection was lost while writing: {error}") from error


_KINDS = (redis.asyncio.Connection, redis.asyncio.SSLConnection, redis.asyncio.UnixDomainSocketConnection)
_LOSS_DETECTING: dict[type[Any], type[Any]] = {
    kind: type(kind.__name__, (_LossDetectingConnection, kind), {}) for kind in _KINDS
}


def _tcp_options(url: str) -> dict[str, Any]:
    if url.startswith("unix:"):
        return {}
    options = {getattr(socket, name): value for name, value in _TCP.items() if hasattr(socket, name)}
    return {"socket_keepalive": True, "socket_keepalive_options": options}
