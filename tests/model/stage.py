"""The processes of one run: servers of a topology, front-ends, workers, and two web servers with files."""

import asyncio
import logging
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, get_args

from tests.file_server import Files, serve_files
from tests.ports import free_port
from tests.service import FrontEnd, Program, Worker
from tests.topologies import Cluster, Group, Sentinels, wait_for
from tests.valkey import Valkey

Topology = Literal["single", "sentinel", "cluster"]
TOPOLOGIES: tuple[Topology, ...] = get_args(Topology)
CHANNEL = "downloads"
LEASE_S = 5  # a worker on a busy machine must not lose three in a row without a fault
FRONT_ENDS = 2
WORKERS = 3
RUNNERS = 2
SLOW_BYTES_PER_S = 150_000
WORKER_SETTINGS = {
    "SIMULCAST_LEASE_S": str(LEASE_S),
    "SIMULCAST_RETRY_BASE_DELAY_S": "0.3",
    "SIMULCAST_READ_TIMEOUT_S": "10",
}


@dataclass
class Stage:
    """`server`: the only one, or None where `group` has several. `fast`, `slow`: web servers of the same files.

    `runners`: programs that run jobs of any kind, unless they are held.
    """

    folder: Path
    topology: Topology
    fast: Files
    slow: Files
    server: Valkey | None = None
    group: Group | None = None
    front_ends: list[FrontEnd] = field(default_factory=list)
    workers: list[Worker] = field(default_factory=list)
    runners: list[Program] = field(default_factory=list)
    hosts: int = 0

    @property
    def downloads(self) -> Path:
        return self.folder / "downloads"

    @property
    def url(self) -> str:
        return (self.group or self._only()).url

    def _only(self) -> Valkey:
        assert self.server is not None
        return self.server

    def serving(self) -> Valkey:
        """Return the server that serves the downloads."""
        return self.group.serving(CHANNEL) if self.group else self._only()

    def other_masters(self) -> list[Valkey]:
        """Return the masters of a cluster that hold nothing of the downloads."""
        if not isinstance(self.group, Cluster):
            return []
        return [each for each in self.group.masters() if each is not self.serving()]

    def start_servers(self) -> None:
        folder = self.folder / "servers"
        if self.topology == "single":
            self.server = Valkey(folder).start()
        else:
            self.group = (Sentinels if self.topology == "sentinel" else Cluster)(folder)
            self.group.start()

    def heal_servers(self) -> None:
        """Start what ended, continue what stands still; return once each has its part again."""
        for each in [self.server] if self.server else self.group.servers if self.group else []:
            if each.ended:
                each.start()
            else:
                each.signal(signal.SIGCONT)
        if self.group:
            wait_for(lambda: self.serving(), "a server that serves", 60)
            self.group.mend(CHANNEL)

    def start_front_end(self, place: int) -> None:
        """Start a front-end, or the successor of one that ended, on the same port."""
        port = self.front_ends[place].port if place < len(self.front_ends) else free_port()
        front_end = FrontEnd(self.url, self.folder / f"front-end-{place}.log", port=port, SIMULCAST_DRAIN_S="0")
        self.front_ends[place : place + 1] = [front_end]

    def start_worker(self, place: int, new_host: bool = False) -> None:
        """Start a worker, or the successor of one that ended."""
        self.hosts += new_host
        host = f"host-{self.hosts if new_host else 0}"
        log = self.folder / f"worker-{place}.log"
        settings = WORKER_SETTINGS | {"MODEL_HOST": host}
        worker = Worker(self.url, log, self.downloads, module="tests.model.worker", **settings)
        self.workers[place : place + 1] = [worker]

    def start_runner(self, place: int) -> None:
        """Start a program that runs jobs, or the successor of one that ended."""
        command = ["-m", "tests.model.job_runner", str(place), str(self.folder)]
        runner = Program(command, self.folder / f"runner-{place}.log", REDIS_URL=self.url)
        self.runners[place : place + 1] = [runner]

    def hold_runners(self, is_held: bool) -> None:
        """Let them run each of their jobs once more, and rest; or go on."""
        hold = self.folder / "hold"
        hold.touch() if is_held else hold.unlink(missing_ok=True)

    async def heal(self) -> None:
        """Return once all servers, front-ends, workers and runners live."""
        await asyncio.to_thread(self.heal_servers)
        for place, program in enumerate(self.front_ends):
            if program.process.poll() is not None:
                self.start_front_end(place)
            program.signal(signal.SIGCONT)
        for place, worker in enumerate(self.workers):
            if worker.process.poll() is not None:
                self.start_worker(place)
            else:
                worker.signal(signal.SIGCONT)
        for runner in self.runners:
            runner.signal(signal.SIGCONT)
        for each in self.front_ends:
            await each.ready(90)

    def stop(self) -> None:
        for program in (*self.runners, *self.workers, *self.front_ends):
            try:
                program.stop()
            except Exception:
                logging.getLogger("model").exception("a program did not end")
                program.kill()
        if self.server:
            self.server.stop()
        if self.group:
            self.group.stop()


@asynccontextmanager
async def staged(folder: Path, topology: Topology) -> AsyncIterator[Stage]:
    """Run everything; end it in the end."""
    async with AsyncExitStack() as stack:
        fast, slow = [await stack.enter_async_context(serve_files()) for _ in range(2)]
        slow.bytes_per_s, slow.contents = SLOW_BYTES_PER_S, fast.contents
        stage = Stage(folder, topology, fast, slow)
        stack.callback(stage.stop)
        await asyncio.to_thread(stage.start_servers)
        for place in range(FRONT_ENDS):
            stage.start_front_end(place)
        for place in range(WORKERS):
            stage.start_worker(place)
        for place in range(RUNNERS):
            stage.start_runner(place)
        for each in stage.front_ends:
            await each.ready(90)
        yield stage
