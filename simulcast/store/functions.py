"""The Lua library: joined from its files, named by the hash of its content, loaded by the first call that needs it.

Two versions live side by side in a rolling upgrade. REPLACE would make each version's first call open an epoch.
"""

import hashlib
import logging
import re
from collections.abc import Awaitable, Callable, Sequence
from functools import cache
from importlib import resources
from typing import Literal, TypeVar

import redis
import redis.asyncio

from simulcast.errors import BrokerUnavailable, NotPermitted
from simulcast.model.channel import HISTORY

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
    "forget",
    "restore",
    "queue_job",
    "start_job",
    "renew_jobs",
    "report_job",
    "heartbeat",
    "processes",
    "queue_stats",
    "list_jobs",
    "read_jobs",
    "answer_once",
    "revoke",
    "revocations",
    "set_limits",
    "share_limits",
    "take_deliveries",
    "settle_delivery",
    "list_deliveries",
    "retry_deliveries",
    "tell_again",
]
Argument = str | bytes | int
Command = tuple[Argument, ...]
T = TypeVar("T")

_log = logging.getLogger("simulcast.functions")

_PARTS = (
    "incarnation",
    "ends",
    "append",
    "publish",
    "job_index",
    "links",
    "jobs",
    "clock",
    "leases",
    "report",
    "deletions",
    "queue_order",
    "command",
    "restore",
    "own_jobs",
    "index_repair",
    "job_list",
    "register",
)
# Lua has no more than 200 local names at a time. Parts of which others use one name alone: each is a block behind it.
_ENCLOSED = {"command": "command"}
# Parts that no other one uses: each is a block of its own, likewise.
_BLOCKS = ("process_registry", "answers", "revocations", "shared_limits", "webhooks")
_MISSING = "Function not found"
# Refusals of a connection without a user: by code, which redis-py removes, by ACL, and by Redis of a long command.
_NO_USER = re.compile("NOAUTH |WRONGPASS |User default |unauthenticated ")


@cache
def library_hash() -> str:
    """Return ten hexadecimal digits that change with any byte of the library."""
    return hashlib.sha256(_body().encode()).hexdigest()[:10]


@cache
def code() -> str:
    """Return the argument of FUNCTION LOAD."""
    return f"#!lua name=simulcast_{library_hash()}\nlocal VERSION = '{library_hash()}'\n{_body()}"


@cache
def _body() -> str:
    folder = resources.files("simulcast.lua")
    texts = {part: (folder / f"{part}.lua").read_text(encoding="utf-8") for part in (*_PARTS, *_BLOCKS)}
    for part, used in _ENCLOSED.items():
        texts[part] = f"local {used}\ndo\n{texts[part]}end"
    return "\n".join([*(texts[part] for part in _PARTS), *(f"do\n{texts[part]}end" for part in _BLOCKS)])


def name(function: Function) -> str:
    """Return the function's name in Redis."""
    return f"simulcast_{function}_{library_hash()}"


def fcall(function: Function, keys: Sequence[str], args: Sequence[Argument]) -> Command:
    """Return the command that calls the function."""
    return ("FCALL", name(function), len(keys), *keys, *args)


def is_missing(error: object) -> bool:
    """Return whether the library must be loaded (a new server, FUNCTION FLUSH, a failover)."""
    return isinstance(error, redis.ResponseError) and _MISSING in str(error)


def translate_error(error: redis.RedisError, action: str) -> BrokerUnavailable:
    """Return the error to raise for one of redis-py. `action` completes "could not …"."""
    if isinstance(error, redis.exceptions.AuthenticationError) or _NO_USER.search(str(error)):
        return NotPermitted(
            f"could not {action}: Redis requires a user and a password that it accepts ({error}). "
            "Put them into REDIS_URL, as in redis://user:password@host:6379/0; "
            "the address of `simulcast up` is in data/redis.url"
        )
    if isinstance(error, redis.exceptions.NoPermissionError) or "NOPERM " in str(error):
        return NotPermitted(
            f"could not {action}: the Redis user lacks a right ({error}). "
            "Grant it: ACL SETUSER <user> ~{simulcast:* &simulcast:* +@all -@dangerous +info +function "
            "(with the namespace in place of simulcast, where REDIS_URL has one)"
        )
    if isinstance(error, redis.exceptions.OutOfMemoryError):
        return BrokerUnavailable(
            f"could not {action}: Redis is full (maxmemory) and takes neither publications nor downloads. "
            "Raise maxmemory, or delete and clear downloads (docs/operations.md, A full Redis)"
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


async def call(
    client: redis.asyncio.Redis, function: Function, keys: Sequence[str], args: Sequence[Argument]
) -> object:
    """Call one function; loads the library first if the server lacks it. Raises redis.RedisError."""
    return await ensure_loaded(lambda: client.execute_command(*fcall(function, keys, args)), client, keys)


async def ensure_loaded(request: Callable[[], Awaitable[T]], client: redis.asyncio.Redis, keys: Sequence[str]) -> T:
    """Return the request's result; loads the library and repeats it if the server lacks that. Raises RedisError.

    `keys`: those of the request.
    """
    try:
        return await request()
    except redis.ResponseError as error:
        if not is_missing(error):
            raise
    await load(client, keys)
    return await request()


async def load(client: redis.asyncio.Redis, keys: Sequence[str]) -> None:
    """Load the library, unless another process just did. Raises redis.RedisError.

    A full Redis refuses that, though the library is what could make it less full. Then the history among `keys`, if
    there is one, loses its older events until there is room.
    """
    history = next((key for key in keys if key.endswith(HISTORY)), "")
    while True:
        try:
            await client.execute_command("FUNCTION LOAD", code())
        except redis.exceptions.OutOfMemoryError:
            length = await client.xlen(history) if history else 0
            if length < 2:
                raise
            await client.xtrim(history, maxlen=length // 2, approximate=False)
            _log.warning("Redis is full: %s has lost %d events, so that the functions have room", history, length // 2)
        except redis.ResponseError as error:
            if "already exists" not in str(error):
                raise
            return
        else:
            return
