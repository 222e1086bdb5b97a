"""Several real servers: a master with replicas and Sentinels, and a cluster. Each ends by its processes' ids."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

import redis
from redis.crc import REDIS_CLUSTER_HASH_SLOTS, key_slot

from simulcast.model.channel import ChannelNames
from tests.ports import free_port
from tests.valkey import START_S, Valkey

MASTER = "mymaster"
# More than a second: Sentinel connects anew once a second at most, and would take a master that has just been promoted,
# and that it has not reached yet, for dead.
DOWN_AFTER_MS = 1500
_REPLICATING = ("--repl-diskless-sync-delay", "0", "--repl-timeout", "10")


def wait_for(condition: Callable[[], object], what: str, deadline_s: float = START_S) -> None:
    """Wait until the condition is true; a server that does not answer makes it false."""
    deadline = time.monotonic() + deadline_s
    while True:
        try:
            if condition():
                return
        except (redis.RedisError, OSError):
            pass
        assert time.monotonic() < deadline, f"{what} did not come true within {deadline_s} s"
        time.sleep(0.05)


class SentinelProcess(Valkey):
    """A Sentinel that watches the master which is at `master_port` at first."""

    def __init__(self, folder: Path, master_port: int) -> None:
        super().__init__(folder)
        self._master_port = master_port

    def command(self) -> list[str]:
        config = self.folder / "sentinel.conf"
        if not config.exists():
            config.write_text(
                f"port {self.port}\nbind 127.0.0.1\ndir {self.folder}\nlogfile log\n"
                f"sentinel monitor {MASTER} 127.0.0.1 {self._master_port} 2\n"
                f"sentinel down-after-milliseconds {MASTER} {DOWN_AFTER_MS}\n"
                f"sentinel failover-timeout {MASTER} 3000\n"
            )
        return [self._program, str(config), "--sentinel"]

    def state(self) -> dict[str, object]:
        """Return the state of the master as this Sentinel knows it."""
        with self.admin() as client:
            found: dict[str, object] = client.sentinel_master(MASTER)
            return found


class Group:
    """Servers of which one serves a channel, and another one takes over when it fails."""

    servers: list[Valkey]
    url: str

    @contextmanager
    def running(self) -> Iterator[Self]:
        """Start the servers and stop them, also where some do not start."""
        try:
            self.start()
            yield self
        finally:
            self.stop()

    def start(self) -> "Group":
        """Start all; return once they know each other and replicas are up to date."""
        raise NotImplementedError

    def serving(self, channel: str) -> Valkey:
        """Return the server of the channel, as Sentinels or nodes name it."""
        raise NotImplementedError

    def replicas(self, of: Valkey) -> list[Valkey]:
        """Return its replicas that are up to date."""
        found = []
        for each in self.servers:
            if each is not of and not each.ended:
                with each.admin() as client:
                    facts = client.info("replication")
                if facts.get("master_port") == of.port and facts["master_link_status"] == "up":
                    found.append(each)
        return found

    def fail_over(self, channel: str) -> None:
        """Kill the master; return once another server serves."""
        first = self.serving(channel)
        first.kill()
        wait_for(lambda: self.serving(channel) is not first, "another master", 30)

    def mend(self, channel: str) -> None:
        """Start the servers that ended; return once the channel's master has a replica that is up to date."""
        for each in self.servers:
            if each.ended:
                each.start()
        wait_for(lambda: self.replicas(self.serving(channel)), "a replica that is up to date", 60)

    def cut_off_replicas(self, of: Valkey) -> None:
        """Let the master refuse its replicas; Sentinels and nodes notice nothing."""
        with of.admin() as client:
            client.execute_command("ACL SETUSER default -psync -sync")
            client.execute_command("CLIENT KILL TYPE replica")
        wait_for(lambda: not self.replicas(of), "replicas that are cut off")

    def hand_over(self, channel: str) -> None:
        """Let a replica take over in good order; the master becomes its replica."""
        raise NotImplementedError

    def stop(self) -> None:
        for each in self.servers:
            each.stop()

    def _at(self, port: object) -> Valkey:
        return next(each for each in self.servers if each.port == port)


class Sentinels(Group):
    """A master, two replicas, three Sentinels."""

    def __init__(self, folder: Path) -> None:
        self.servers = [Valkey(folder / f"server-{n}", options=_REPLICATING) for n in range(3)]
        self.sentinels = [SentinelProcess(folder / f"sentinel-{n}", self.servers[0].port) for n in range(3)]
        places = ",".join(f"127.0.0.1:{each.port}" for each in self.sentinels)
        self.url = f"redis+sentinel://{places}/{MASTER}/0"

    def start(self) -> "Sentinels":
        for each in self.servers:
            each.start()
        master, *others = self.servers
        for each in others:
            with each.admin() as client:
                client.replicaof("127.0.0.1", str(master.port))
        wait_for(lambda: len(self.replicas(master)) == len(others), "replicas that are up to date")
        for each in self.sentinels:
            each.start()
        wait_for(lambda: all(map(self._knows_all, self.sentinels)), "Sentinels that know each other")
        return self

    def serving(self, channel: str = "") -> Valkey:
        alive = next(each for each in self.sentinels if not each.ended)
        return self._at(alive.state()["port"])

    def mend(self, channel: str) -> None:
        super().mend(channel)
        others = len(self.servers) - 1
        # A master that comes back is made a replica by the Sentinels after some 10 s.
        wait_for(lambda: len(self.replicas(self.serving())) == others, "replicas that are up to date", 60)
        wait_for(lambda: len({each.state()["port"] for each in self.sentinels}) == 1, "Sentinels of one mind")

    def hand_over(self, channel: str) -> None:
        first = self.serving(channel)
        with self.sentinels[0].admin() as client:
            client.execute_command("SENTINEL FAILOVER", MASTER)
        wait_for(lambda: self.serving(channel) is not first, "another master")

    def name(self, master: Valkey) -> None:
        """Let all Sentinels name this server; the one before goes on as it is."""
        for each in self.sentinels:
            with each.admin() as client:
                client.execute_command("SENTINEL REMOVE", MASTER)
                client.execute_command("SENTINEL MONITOR", MASTER, "127.0.0.1", master.port, 2)

    def stop(self) -> None:
        for each in self.sentinels:
            each.stop()
        super().stop()

    @staticmethod
    def _knows_all(sentinel: SentinelProcess) -> bool:
        state = sentinel.state()
        return (state["num-slaves"], state["num-other-sentinels"]) == (2, 2)


class ClusterServer(Valkey):
    def __init__(self, folder: Path) -> None:
        self.bus_port = free_port()
        cluster = ("--cluster-enabled", "yes", "--cluster-node-timeout", "1000", "--cluster-port", str(self.bus_port))
        super().__init__(folder, options=(*_REPLICATING, *cluster))

    def id(self) -> str:
        with self.admin() as client:
            return bytes(client.execute_command("CLUSTER MYID")).decode()

    def set(self, name: str, value: str) -> None:
        with self.admin() as client:
            client.config_set(name, value)

    def ask(self, *command: str | int) -> object:
        with self.admin() as client:
            reply: object = client.execute_command("CLUSTER", *command)
            return reply


class Cluster(Group):
    """Three masters, and a replica of each."""

    def __init__(self, folder: Path) -> None:
        self.nodes = [ClusterServer(folder / f"server-{n}") for n in range(6)]
        self.servers = list(self.nodes)
        self.url = "redis+cluster://" + ",".join(f"127.0.0.1:{each.port}" for each in self.nodes[:3])

    def start(self) -> "Cluster":
        for each in self.nodes:
            each.start()
        masters, replicas = self.nodes[:3], self.nodes[3:]
        first = masters[0]
        slots = [REDIS_CLUSTER_HASH_SLOTS * n // 3 for n in range(4)]
        for number, each in enumerate(self.nodes):
            each.ask("SET-CONFIG-EPOCH", number + 1)
        for number, each in enumerate(masters):
            each.ask("ADDSLOTSRANGE", slots[number], slots[number + 1] - 1)
        for each in self.nodes[1:]:
            each.ask("MEET", "127.0.0.1", first.port, first.bus_port)
        wait_for(lambda: all(self._knows_all(each) for each in self.nodes), "nodes that know each other")
        for master, replica in zip(masters, replicas, strict=True):
            replica.ask("REPLICATE", master.id())
        wait_for(lambda: all(map(self.replicas, masters)), "replicas that are up to date")
        wait_for(lambda: all(self._is_whole(each, 2) for each in self.nodes), "a cluster that serves every slot twice")
        return self

    def serving(self, channel: str) -> ClusterServer:
        slot = _slot(channel)
        alive = next(each for each in self.nodes if not each.ended)
        with alive.admin() as client:
            for first, last, (_, port, *_), *_ in client.execute_command("CLUSTER SLOTS"):
                if first <= slot <= last:
                    return next(each for each in self.nodes if each.port == port)
        raise AssertionError(f"nobody serves slot {slot}")

    def hand_over(self, channel: str) -> None:
        first = self.serving(channel)
        port = self.replicas(first)[0].port
        next(each for each in self.nodes if each.port == port).ask("FAILOVER")
        wait_for(lambda: self.serving(channel) is not first, "another owner")

    def masters(self) -> list[ClusterServer]:
        """Return the servers of slots."""
        found = {self.serving(str(n)).port for n in range(100)}
        return [each for each in self.nodes if each.port in found]

    def begin_move(self, channel: str) -> tuple[ClusterServer, ClusterServer]:
        """Begin to migrate the channel's slot key by key; return source and target."""
        source, slot = self.serving(channel), _slot(channel)
        target = next(each for each in self.masters() if each is not source)
        target.ask("SETSLOT", slot, "IMPORTING", source.id())
        source.ask("SETSLOT", slot, "MIGRATING", target.id())
        return source, target

    def move_keys(self, channel: str, source: ClusterServer, target: ClusterServer, most: int = 10_000) -> None:
        keys = source.ask("GETKEYSINSLOT", _slot(channel), most)
        assert isinstance(keys, list)
        if keys:
            with source.admin() as client:
                client.execute_command("MIGRATE", "127.0.0.1", target.port, "", 0, 5000, "KEYS", *keys)

    def move_key(self, key: str, source: ClusterServer, target: ClusterServer) -> None:
        with source.admin() as client:
            client.execute_command("MIGRATE", "127.0.0.1", target.port, key, 0, 5000)

    def move_as_a_whole(self, channel: str) -> ClusterServer:
        """Begin to migrate the slot as a whole, which Valkey can since version 9; return the target."""
        source, slot = self.serving(channel), _slot(channel)
        target = next(each for each in self.masters() if each is not source)
        source.ask("MIGRATESLOTS", "SLOTSRANGE", slot, slot, "NODE", target.id())
        return target

    def end_move(self, channel: str, source: ClusterServer, target: ClusterServer) -> None:
        """Move the remaining keys, and end the migration."""
        self.move_keys(channel, source, target)
        for each in (target, source, *self.masters()):
            each.ask("SETSLOT", _slot(channel), "NODE", target.id())

    def _is_whole(self, node: ClusterServer, servers: int = 1) -> bool:
        slots = node.ask("SLOTS")
        assert isinstance(slots, list)
        return "ok" in _fact(node, "cluster_state") and all(len(row) == 2 + servers for row in slots)

    def _knows_all(self, node: ClusterServer) -> bool:
        return _fact(node, "cluster_known_nodes") == str(len(self.nodes)) and self._is_whole(node)


def _fact(node: ClusterServer, name: str) -> str:
    found = node.ask("INFO")
    text = found.decode() if isinstance(found, bytes) else "\n".join(f"{k}:{v}" for k, v in dict(found).items())  # type: ignore[call-overload]
    return text.partition(f"{name}:")[2].split()[0]


def _slot(channel: str) -> int:
    return key_slot(ChannelNames(channel).pubsub.encode())
