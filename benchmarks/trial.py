"""One server, its Valkey, its clients and its publisher, from start to stop."""

import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import redis

from benchmarks import build
from benchmarks.ports import accepts, is_ready
from benchmarks.processes import CLIENT_CORE, SERVER_CORE, Answer, Program, allow_files, wait_for
from benchmarks.servers import Peer, Place
from benchmarks.valkey import running
from tests.ports import free_port

START_S = 30.0
SETTLE_S = 1.0  # after the last handshake: some peers join their clients a little later
_SENT = tuple(
    f"cmdstat_{name}"
    for name in ("fcall", "fcall_ro", "evalsha", "xrange", "xrevrange", "xread", "xadd", "subscribe", "publish", "ping")
)  # what front-ends send; HMGET, INFO and others are called by the functions
QUIET_S = 12.0  # when nothing arrives for so long, the rest is lost


class Trial:
    """What a scenario works with. `first`: number of the next event."""

    def __init__(self, peer: Peer, place: Place, server: Program, valkey: redis.Redis) -> None:
        self.peer = peer
        self.server = server
        self.valkey = valkey
        self._place = place
        self._programs: list[Program] = []
        self._channels = 1
        self._published = 0

    @property
    def port(self) -> int:
        return self._place.port

    @property
    def redis_url(self) -> str:
        return self._place.redis_url

    def clients(self, count: int, *, channels: int = 1, stalled: int = 0, in_flight: int = 256) -> Program:
        """Starts a program that plays clients; they connect when told to. The other calls are about the last one."""
        self._channels = channels
        path = self.peer.path
        if channels > 1:
            head, _, _ = path.partition("?channel=")
            path = f"{head}{'&' if '?' in head else '?'}channel=c000"
        words = (self._place.port, self.peer.dialect, path, count, channels, stalled, in_flight)
        command = [str(build.native("clients")), *map(str, words)]
        log = self._place.folder / f"clients-{len(self._programs)}.log"
        self._programs.append(Program(command, CLIENT_CORE, log, talks=True))
        return self._programs[-1]

    def connect(self) -> Answer:
        """Connects all clients. Raises ConnectionError if some were refused."""
        program = self._programs[-1]
        program.say("connect")
        answer = program.answer()
        if answer["refused"]:
            raise ConnectionError(f"{answer['refused']:.0f} clients were refused: {program.last_words()}")
        time.sleep(SETTLE_S)
        return answer

    def round(self, events: int, rate: float, timeout_s: float) -> Answer:
        """Publishes that many events to each channel, and says what reached the clients."""
        program = self._programs[-1]
        program.say(f"expect {events} {timeout_s} {QUIET_S}")
        time.sleep(0.05)
        before = self.server.cpu_s()
        self.publish(events, rate)
        answer = program.answer()
        answer["cpu_s"] = self.server.cpu_s() - before
        return answer

    def publish(self, events: int, rate: float) -> None:
        """Publishes that many events to each channel, at `rate` in all; 0: at once. Raises RuntimeError."""
        count = events * self._channels
        if self.peer.template is None:
            self.server.say(f"publish {self._published} {count} {rate:g} {self._channels}")
            answer = self.server.answer()
            if answer["errors"]:
                raise RuntimeError(f"{answer['errors']:.0f} events could not be published")
        else:
            self._publish_over_the_wire(count, rate)
        self._published += events

    def _publish_over_the_wire(self, count: int, rate: float) -> None:
        assert self.peer.template is not None
        channel = self.peer.channel if self._channels == 1 else "c000"
        file = self._place.folder / "template"
        file.write_bytes(self.peer.template(channel, self._place.port))
        http_ = self.peer.over == "http"
        port = self._place.port if http_ else self.valkey.get_connection_kwargs()["port"]
        words = (port, file, "http" if http_ else "resp", self._published, count, rate, self._channels)
        command = ["taskset", "-c", CLIENT_CORE, str(build.native("publish")), *map(str, words)]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode != 0:
            raise RuntimeError(f"could not publish: {done.stderr.strip()[-300:]}")

    def redis_commands(self) -> int:
        """Commands that were sent to Valkey so far, those aside that functions call inside it."""
        stats = self.valkey.info("commandstats")
        return sum(int(stats[name]["calls"]) for name in _SENT if name in stats)

    def stop(self) -> None:
        for program in self._programs:
            program.stop()


def _serves(server: Program, peer: Peer, port: int) -> bool:
    if server.ended:
        raise RuntimeError(f"{peer.name} ended at its start: {server.last_words()}")
    return is_ready(port) if peer.is_ours else accepts(port)


@contextmanager
def trial(peer: Peer, most_clients: int, *, history: bool = False) -> Iterator[Trial]:
    """The peer, ready to be connected to. Raises NotBuilt, TooFewFiles, TimeoutError."""
    allow_files(most_clients)
    folder = Path(tempfile.mkdtemp(prefix="simulcast-bench-"))
    try:
        with running(folder, CLIENT_CORE) as (_, valkey):
            port = valkey.get_connection_kwargs()["port"]
            place = Place(free_port(), f"redis://127.0.0.1:{port}/0", folder, history)
            start = peer.start(place)
            server = Program(
                start.command,
                SERVER_CORE,
                folder / "server.log",
                cwd=start.cwd,
                environment=start.environment,
                talks=peer.template is None,
            )
            one = Trial(peer, place, server, valkey)
            try:
                wait_for(f"{peer.name} serves", START_S, lambda: _serves(server, peer, place.port))
                time.sleep(SETTLE_S)
                yield one
            finally:
                one.stop()
                server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
