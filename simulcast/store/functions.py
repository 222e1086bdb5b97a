"""The Lua library: put together, named by its content's hash, loaded where it is missing.

Two versions live side by side in a rolling upgrade. REPLACE would make each version's first call open an epoch.
"""

import hashlib
import re
from collections.abc import Awaitable, Callable, Sequence
from functools import cache
from importlib import resources
from typing import Literal, TypeVar

import redis

from simulcast.errors import BrokerUnavailable, NotPermitted

Function = Literal[
    "publish",
    "head",
    "snapshot",
    "submit",
    "claim",
    "renew",
    "report_event",
    "command",
    "clear",
    "orphaned_files",
    "heartbeat",
    "processes",
    "queue_stats",
]
Argument = str | bytes | int
T = TypeVar("T")

_PARTS = ("incarnation", "append", "publish", "jobs", "report", "command", "process_registry", "register")
_MISSING = "Function not found"
# ACL's refusal of a connection that named no user; and Redis' of a long command before any user is named.
_NO_USER = re.compile("User default |unauthenticated ")


@cache
def library_hash() -> str:
    """Ten hexadecimal digits that change with any byte of the library."""
    return hashlib.sha256(_body().encode()).hexdigest()[:10]


@cache
def code() -> str:
    """What FUNCTION LOAD takes."""
    return f"#!lua name=simulcast_{library_hash()}\nlocal VERSION = '{library_hash()}'\n{_body()}"


@cache
def _body() -> str:
    folder = resources.files("simulcast.lua")
    return "\n".join((folder / f"{part}.lua").read_text(encoding="utf-8") for part in _PARTS)


def name(function: Function) -> str:
    """The function's name in Redis."""
    return f"simulcast_{function}_{library_hash()}"


def is_missing(error: object) -> bool:
    """Whether the reply says that the library must be loaded (a new server, FUNCTION FLUSH, a failover)."""
    return isinstance(error, redis.ResponseError) and _MISSING in str(error)


def translate_error(error: redis.RedisError, action: str) -> BrokerUnavailable:
    """What to raise for what redis-py raised. `doing` completes "could not …"."""
    if isinstance(error, redis.exceptions.AuthenticationError) or _NO_USER.search(str(error)):
        return NotPermitted(
            f"could not {action}: Redis requires a user and a password that it accepts ({error}). "
            "Put them into REDIS_URL, as in redis://user:password@host:6379/0; "
            "the address of `simulcast up` is in data/redis.url"
        )
    if isinstance(error, redis.exceptions.NoPermissionError):
        return NotPermitted(
            f"could not {action}: the Redis user lacks a right ({error}). "
            "Grant it: ACL SETUSER <user> ~{simulcast:* &simulcast:* +@all -@dangerous +info +function"
        )
    if isinstance(error, redis.exceptions.OutOfMemoryError):
        return BrokerUnavailable(
            f"could not {action}: Redis is full (maxmemory). Raise maxmemory, or delete and clear downloads"
        )
    if isinstance(error, redis.ResponseError) and "unknown command" in str(error).lower():
        return BrokerUnavailable(f"could not {action}: the server is too old; it takes Redis 7 or Valkey 7.2 ({error})")
    if isinstance(error, redis.ConnectionError | redis.TimeoutError):
        return BrokerUnavailable(f"could not {action}: Redis does not answer ({error})")
    if isinstance(error, redis.exceptions.MovedError):
        return BrokerUnavailable(
            f"could not {action}: another server of the cluster serves that now, {error.host}:{error.port} "
            "(the address of a cluster begins with redis+cluster://)"
        )
    return BrokerUnavailable(f"could not {action}: Redis refused ({error})")


def is_already_loaded(error: redis.ResponseError) -> bool:
    """Whether FUNCTION LOAD failed only because somebody else was first."""
    return "already exists" in str(error)


async def call(
    execute: Callable[..., Awaitable[object]], function: Function, keys: Sequence[str], args: Sequence[Argument]
) -> object:
    """Calls one function; loads the library first where the server lacks it.

    `execute`: `execute_command` of an asyncio client. Raises what redis-py raises.
    """
    command = ("FCALL", name(function), len(keys), *keys, *args)
    return await ensure_loaded(lambda: execute(*command), execute)


async def ensure_loaded(request: Callable[[], Awaitable[T]], execute: Callable[..., Awaitable[object]]) -> T:
    """What `ask` answers; asks again with the library loaded where the server lacks it. Raises what redis-py raises."""
    try:
        return await request()
    except redis.ResponseError as error:
        if not is_missing(error):
            raise
    await load(execute)
    return await request()


async def load(execute: Callable[..., Awaitable[object]]) -> None:
    """Loads the library. Raises what redis-py raises, but not when somebody else was first."""
    try:
        await execute("FUNCTION LOAD", code())
    except redis.ResponseError as error:
        if not is_already_loaded(error):
            raise
