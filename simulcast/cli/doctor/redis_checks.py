"""`simulcast doctor`, on Redis: whether it answers, keeps what it is given, and lets us do what the programs do."""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from typing import cast

import redis
import redis.asyncio

from simulcast.broker import Broker
from simulcast.cli.doctor.finding import Finding, fine, look, wrong
from simulcast.cli.errors import redis_errors
from simulcast.errors import BrokerUnavailable
from simulcast.model.channel import ChannelNames
from simulcast.store.factory import topology_from_url
from simulcast.store.topology import Topology
from simulcast.store.url import redacted_url

CHANNEL = "simulcast-doctor"  # what is tried is tried there, and removed
MAX_CLOCK_SKEW_S = 1.0
MIN_OUTPUT_BUFFER_BYTES = 8 * 1024 * 1024
ARRIVAL_S = 3.0


async def redis_checks(url: str) -> list[Finding]:
    """One finding where it doesn't answer; else all of them."""
    try:
        servers = topology_from_url(url, most_connections=2)
    except ValueError as error:
        return [wrong("Redis", str(error), "")]
    try:
        try:
            client = await servers.client_for(CHANNEL)
            asked = time.time()
            seconds, micros = await client.time()
        except redis.exceptions.NoPermissionError as error:
            return [
                wrong("Redis", f"{redacted_url(url)}: {error}", "give REDIS_URL a user and a password that may do more")
            ]
        except redis.RedisError as error:
            return [wrong("Redis", str(redis_errors(error, url)), "")]
        found = [fine("Redis", f"{redacted_url(url)} answers within {(time.time() - asked) * 1000:.1f} ms")]
        found.append(_clock(seconds + micros / 1e6 - (asked + time.time()) / 2))
        found.append(await _version(client))
        found += await _configuration(client)
        found.append(await check_acl(url, servers))
        return found
    finally:
        await servers.aclose()


def _clock(ahead_s: float) -> Finding:
    text = f"Redis is {abs(ahead_s):.2f} s {'ahead of' if ahead_s > 0 else 'behind'} this machine"
    if abs(ahead_s) > MAX_CLOCK_SKEW_S:
        return look("clocks", text, "set both by NTP: times in records are Redis', ends of tokens are this machine's")
    return fine("clocks", text)


async def _version(client: redis.asyncio.Redis) -> Finding:
    try:
        info = cast(Mapping[str, object], await client.info("server"))
    except redis.RedisError as error:
        return wrong("version", f"can't be read ({error})", "allow INFO, which the functions need: +info")
    return version(info)


def version(info: Mapping[str, object]) -> Finding:
    """Of what INFO says of the server: Redis ≥ 7, Valkey ≥ 7.2 (whose redis_version is 7.2.4 for good)."""
    name = "Valkey" if "valkey_version" in info else "Redis"
    told = str(info.get("valkey_version") or info.get("redis_version") or "")
    major = told.partition(".")[0]
    if major.isdecimal() and int(major) >= 7:
        return fine("version", f"{name} {told}")
    return wrong("version", f"{name} {told or 'of no known version'}", "it takes Redis 7 or Valkey 7.2, with Functions")


async def _configuration(client: redis.asyncio.Redis) -> list[Finding]:
    wanted = ("appendonly", "appendfsync", "maxmemory", "maxmemory-policy", "client-output-buffer-limit")
    try:
        settings = _texts(cast(Mapping[bytes | str, bytes | str], await client.config_get(*wanted)))
    except redis.RedisError as error:
        remedy = "see by other means to: appendonly yes, maxmemory-policy noeviction, and 32 MB for pubsub buffers"
        return [look("configuration", f"can't be read ({error})", remedy)]
    return [_persistence(settings), _memory(settings), _buffers(settings)]


def _texts(found: Mapping[bytes | str, bytes | str]) -> dict[str, str]:
    """redis-py decodes what it knows to be text, and not what it doesn't."""
    names = {name if isinstance(name, str) else name.decode(): value for name, value in found.items()}
    return {name: value if isinstance(value, str) else value.decode() for name, value in names.items()}


def _persistence(settings: Mapping[str, str]) -> Finding:
    fsync = settings.get("appendfsync", "")
    if settings.get("appendonly") != "yes":
        return look(
            "persistence",
            "appendonly is off: a restart of Redis forgets downloads and history",
            "CONFIG SET appendonly yes, and the same in its configuration file",
        )
    if fsync == "no":
        remedy = "CONFIG SET appendfsync everysec, or always"
        return look("persistence", "appendfsync is no: a power cut may cost half a minute", remedy)
    cost = "a power cut may cost the last second" if fsync == "everysec" else "what was acknowledged is on the disk"
    return fine("persistence", f"appendonly, appendfsync {fsync}: {cost}")


def _memory(settings: Mapping[str, str]) -> Finding:
    limit, policy = int(settings.get("maxmemory") or 0), settings.get("maxmemory-policy", "")
    if limit and policy != "noeviction":
        return wrong(
            "memory",
            f"maxmemory-policy is {policy}: when {limit:,} bytes are used, downloads and history vanish silently",
            "CONFIG SET maxmemory-policy noeviction: a full memory then refuses, by name",
        )
    return fine("memory", f"maxmemory {limit:,}, {policy}" if limit else "no limit of its own, so nothing is evicted")


def _buffers(settings: Mapping[str, str]) -> Finding:
    words = settings.get("client-output-buffer-limit", "").split()
    limits = {kind: int(hard) for kind, hard in zip(words[::4], words[1::4], strict=True)}
    hard = limits.get("pubsub", 0)
    remedy = 'CONFIG SET client-output-buffer-limit "pubsub 32mb 8mb 60"'
    if not hard:
        return look("pubsub buffer", "has no limit: a front-end that hangs takes all of Redis' memory", remedy)
    if hard < MIN_OUTPUT_BUFFER_BYTES:
        return look("pubsub buffer", f"{hard:,} bytes: a burst of events cuts front-ends off", remedy)
    return fine("pubsub buffer", f"{hard:,} bytes for each front-end")


async def check_acl(url: str, servers: Topology) -> Finding:
    """Does what the programs do: loads the functions, publishes, hears it, and reads the history."""
    what, names = "rights", ChannelNames(CHANNEL)
    broker = Broker.connect(url)
    try:
        async with _subscribed(servers, names.pubsub) as arrived:
            position = await broker.publish({"type": "doctor"}, CHANNEL)
            await arrived()
        if position is not None:
            await broker.tail(position, 1, CHANNEL)
        return fine(what, "functions load and run, what is published arrives, the history is read")
    except TimeoutError:
        return wrong(what, "what is published does not arrive", "allow the channels: ACL SETUSER <user> &simulcast:*")
    except (BrokerUnavailable, redis.RedisError) as error:
        return wrong(what, str(error), "as Redis' administrator, grant what it names: ACL SETUSER")
    finally:
        await broker.aclose()
        with suppress(redis.RedisError):  # what refuses this has refused more before
            await (await servers.client_for(CHANNEL)).delete(*names.stream_keys)


@asynccontextmanager
async def _subscribed(servers: Topology, name: str) -> AsyncIterator["_Arrival"]:
    pubsub = (await servers.client_for(CHANNEL)).pubsub()
    try:
        await servers.subscribe(pubsub, [name])
        yield _Arrival(pubsub)
    finally:
        await pubsub.aclose()


class _Arrival:
    def __init__(self, pubsub: redis.asyncio.client.PubSub) -> None:
        self._pubsub = pubsub

    async def __call__(self) -> None:
        """Returns when something has come. Raises TimeoutError."""
        async with asyncio.timeout(ARRIVAL_S):
            while await self._pubsub.get_message(ignore_subscribe_messages=True, timeout=0.1) is None:
                continue
