"""`simulcast doctor`, on Redis: its clock, version and configuration, and the rights of the user in REDIS_URL."""

import asyncio
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import cast

import redis
import redis.asyncio
from redis.utils import str_if_bytes

from simulcast.broker import Broker
from simulcast.cli.doctor.finding import ERROR, OK, WARNING, Finding
from simulcast.cli.doctor.process_checks import process_checks
from simulcast.cli.redis import redis_errors
from simulcast.errors import BrokerUnavailable
from simulcast.store.factory import topology_from_url
from simulcast.store.topology import Topology
from simulcast.store.url import redacted_url

CHANNEL = "simulcast-doctor"  # for an attempt to publish, whose keys are removed
MAX_CLOCK_SKEW_S = 1.0
MIN_OUTPUT_BUFFER_BYTES = 8 * 1024 * 1024
ARRIVAL_TIMEOUT_S = 3.0
MAX_USED_MEMORY = 0.8  # of maxmemory, as the alert RedisFills


async def redis_checks(url: str) -> list[Finding]:
    """Check the Redis at `url`; return only one finding if it doesn't answer."""
    try:
        servers = topology_from_url(url, max_connections=2)
    except ValueError as error:
        return [Finding(ERROR, "Redis", str(error))]
    try:
        client = await servers.client_for(CHANNEL)
        sent_at = time.time()
        seconds, microseconds = await client.time()
        received_at = time.time()
        configuration = await _check_configuration(client)
        takes_writes = all(finding.severity is not ERROR or finding.subject != "disk" for finding in configuration)
        return [
            Finding(OK, "Redis", f"{redacted_url(url)} answers within {(received_at - sent_at) * 1000:.1f} ms"),
            _check_clock(seconds + microseconds / 1e6 - (sent_at + received_at) / 2),
            await _check_version(client),
            *configuration,
            *([await check_acl(url, servers)] if takes_writes else []),
            *await process_checks(url, servers),
        ]
    except redis.RedisError as error:
        return [Finding(ERROR, "Redis", str(redis_errors(error, url)))]
    finally:
        await servers.aclose()


def _check_clock(ahead_s: float) -> Finding:
    text = f"Redis is {abs(ahead_s):.2f} s {'ahead of' if ahead_s > 0 else 'behind'} this machine"
    if abs(ahead_s) <= MAX_CLOCK_SKEW_S:
        return Finding(OK, "clocks", text)
    remedy = "set both by NTP: records have the time of Redis, tokens expire by the time of this machine"
    return Finding(WARNING, "clocks", text, remedy)


async def _check_version(client: redis.asyncio.Redis) -> Finding:
    try:
        return check_version(cast(Mapping[str, object], await client.info("server")))
    except redis.RedisError as error:
        return Finding(ERROR, "version", f"can't be read ({error})", "allow INFO, which the functions need: +info")


def check_version(info: Mapping[str, object]) -> Finding:
    """Check for Redis ≥ 7 or Valkey ≥ 7.2. `info`: the section "server" of INFO."""
    name = "Valkey" if "valkey_version" in info else "Redis"
    version = str(info.get("valkey_version") or info.get("redis_version") or "")  # Valkey's redis_version stays 7.2.4
    major = version.partition(".")[0]
    if major.isdecimal() and int(major) >= 7:
        return Finding(OK, "version", f"{name} {version}")
    return Finding(ERROR, "version", f"{name} {version or 'of unknown version'}", "use Redis ≥ 7 or Valkey ≥ 7.2")


async def _check_configuration(client: redis.asyncio.Redis) -> list[Finding]:
    names = ("save", "appendonly", "appendfsync", "maxmemory", "maxmemory-policy", "client-output-buffer-limit")
    try:
        reply = cast(Mapping[bytes, bytes], await client.config_get(*names))
        configuration = {str_if_bytes(name): str_if_bytes(value) for name, value in reply.items()}
        used = int(cast(Mapping[str, int], await client.info("memory"))["used_memory"])
        persistence = cast(Mapping[str, str], await client.info("persistence"))
    except redis.RedisError as error:
        remedy = "make sure of appendonly yes, maxmemory-policy noeviction, and 32 MB for the buffer of pubsub clients"
        return [Finding(WARNING, "configuration", f"can't be read ({error})", remedy)]
    findings = [_check_persistence(configuration), _check_memory(configuration, used), _check_buffers(configuration)]
    return [*_check_disk(configuration, persistence), *findings]


def _check_disk(configuration: Mapping[str, str], persistence: Mapping[str, str]) -> list[Finding]:
    """Check whether the last write to the disk failed: Redis then refuses all writes. `persistence`: of INFO."""
    snapshots_fail = configuration.get("save") and persistence.get("rdb_last_bgsave_status") == "err"
    if not snapshots_fail and persistence.get("aof_last_write_status") != "err":
        return []
    remedy = "free some space on its disk, or let it write into its folder: its log has the reason"
    return [Finding(ERROR, "disk", "Redis can't write to its disk, and refuses all writes", remedy)]


def _check_persistence(configuration: Mapping[str, str]) -> Finding:
    fsync = configuration.get("appendfsync", "")
    if configuration.get("appendonly") != "yes":
        remedy = "CONFIG SET appendonly yes, and the same in its configuration file"
        result = "appendonly is off: a restart of Redis loses downloads and history"
        return Finding(WARNING, "persistence", result, remedy)
    if fsync == "no":
        remedy = "CONFIG SET appendfsync everysec, or always"
        return Finding(WARNING, "persistence", "appendfsync is no: a power cut may lose half a minute", remedy)
    loss = "a power cut may lose the last second" if fsync == "everysec" else "acknowledged writes are on the disk"
    return Finding(OK, "persistence", f"appendonly, appendfsync {fsync}: {loss}")


def _check_memory(configuration: Mapping[str, str], used: int) -> Finding:
    limit, policy = int(configuration.get("maxmemory") or 0), configuration.get("maxmemory-policy", "")
    if limit and policy != "noeviction":
        result = f"maxmemory-policy is {policy}: beyond {limit:,} bytes, downloads and history vanish silently"
        remedy = "CONFIG SET maxmemory-policy noeviction: a full Redis then refuses writes with an error"
        return Finding(ERROR, "memory", result, remedy)
    if limit and used > limit * MAX_USED_MEMORY:
        result = f"{used:,} of {limit:,} bytes are used: a full Redis refuses publications and new downloads"
        remedy = "clear ended downloads, or CONFIG SET maxmemory to more (docs/operations.md, A full Redis)"
        return Finding(WARNING, "memory", result, remedy)
    return Finding(OK, "memory", f"maxmemory {limit:,}, {policy}" if limit else "no maxmemory, so nothing is evicted")


def _check_buffers(configuration: Mapping[str, str]) -> Finding:
    words = configuration.get("client-output-buffer-limit", "").split()
    limits = {kind: int(hard) for kind, hard in zip(words[::4], words[1::4], strict=True)}
    hard = limits.get("pubsub", 0)
    remedy = 'CONFIG SET client-output-buffer-limit "pubsub 32mb 8mb 60"'
    if not hard:
        result = "has no limit: a front-end that hangs may fill the memory of Redis"
        return Finding(WARNING, "pubsub buffer", result, remedy)
    if hard < MIN_OUTPUT_BUFFER_BYTES:
        return Finding(WARNING, "pubsub buffer", f"{hard:,} bytes: a burst of events disconnects front-ends", remedy)
    return Finding(OK, "pubsub buffer", f"{hard:,} bytes for each front-end")


async def check_acl(url: str, servers: Topology) -> Finding:
    """Do what the programs do: load the functions, publish, receive the publication, and read the history."""
    names = servers.names(CHANNEL)
    broker = Broker.connect(url)
    pubsub = (await servers.client_for(CHANNEL)).pubsub()
    try:
        await (pubsub.ssubscribe if servers.is_sharded else pubsub.subscribe)(names.pubsub)
        position = await broker.publish({"type": "doctor"}, CHANNEL)
        async with asyncio.timeout(ARRIVAL_TIMEOUT_S):
            while await pubsub.get_message(ignore_subscribe_messages=True, timeout=0.1) is None:
                continue
        if position is not None:
            await broker.tail(position, 1, CHANNEL)
    except TimeoutError:
        remedy = f"allow the channels: ACL SETUSER <user> &{names.pubsub.partition(':')[0]}:*"
        return Finding(ERROR, "rights", "a publication does not arrive at its subscriber", remedy)
    except (BrokerUnavailable, redis.RedisError) as error:
        return Finding(ERROR, "rights", str(redis_errors(error, url)))
    else:
        return Finding(OK, "rights", "functions load and run, publications arrive, the history is readable")
    finally:
        await pubsub.aclose()
        await broker.aclose()
        with suppress(redis.RedisError):  # a Redis that refuses this has refused more before
            await (await servers.client_for(CHANNEL)).delete(*names.stream_keys)
