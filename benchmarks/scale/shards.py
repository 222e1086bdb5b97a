"""What front-ends stand on: one Valkey, or a cluster of three masters with a replica each."""

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import redis

from benchmarks import valkey
from benchmarks.processes import CLIENT_CORE
from benchmarks.servers import PEERS
from simulcast.store import functions
from tests.topologies import Cluster

OURS = PEERS[0]
# What front-ends send; what the functions call within Redis counts by other names.
_SENT = tuple(f"cmdstat_{name}" for name in ("fcall", "fcall_ro", "xrange", "xrevrange", "subscribe", "ssubscribe"))


@dataclass(frozen=True, slots=True)
class Shard:
    """One master, and two channels that it serves: one with few clients, one with many."""

    client: redis.Redis
    few: str = "few"
    many: str = "many"

    @property
    def port(self) -> int:
        return int(self.client.get_connection_kwargs()["port"])

    def cpu_us(self) -> float:
        """CPU so far, as the kernel counted it, of the process with all its threads."""
        found = self.client.info("cpu")
        return 1e6 * (float(found["used_cpu_user"]) + float(found["used_cpu_sys"]))

    def output_bytes(self) -> int:
        """What it sent so far, to replicas too."""
        return int(self.client.info("stats")["total_net_output_bytes"])

    def commands(self) -> int:
        """How many were sent to it so far, those aside that functions call within it."""
        found = self.client.info("commandstats")
        return sum(int(found[name]["calls"]) for name in _SENT if name in found)


@dataclass(frozen=True, slots=True)
class Redis:
    """`url` is REDIS_URL."""

    url: str
    shards: tuple[Shard, ...]


@contextmanager
def one(folder: Path) -> Iterator[Redis]:
    """One Valkey. Raises TimeoutError."""
    with valkey.running(folder, CLIENT_CORE) as (_, client):
        port = client.get_connection_kwargs()["port"]
        yield Redis(f"redis://127.0.0.1:{port}/0", (Shard(client),))


@contextmanager
def cluster(folder: Path) -> Iterator[Redis]:
    """Three masters, each with a replica."""
    with Cluster(folder).running() as group, ExitStack() as stack:
        for node in group.nodes:
            node.set("appendfsync", "everysec")  # as the one Valkey has it
            with node.admin() as client:
                os.sched_setaffinity(client.info("server")["process_id"], {int(CLIENT_CORE)})
        shards = []
        for master in group.masters():
            client = stack.enter_context(master.admin())
            client.function_load(functions.code())
            few, many = (
                next(name for n in range(1000) if group.serving(name := f"{kind}{n}") is master)
                for kind in ("few", "many")
            )
            shards.append(Shard(client, few, many))
        yield Redis(group.url, tuple(shards))
