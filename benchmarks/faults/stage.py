"""What a row plays on: one Redis or several, front-ends, clients and a publisher, each a process of its own."""

import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Self

import redis

from benchmarks.faults.downloads import Downloads
from benchmarks.faults.proxy import Proxy
from benchmarks.faults.publish import Load
from benchmarks.faults.topology import GROUPS, Topology
from simulcast.model.channel import DEFAULT_CHANNEL
from tests.conditions import eventually, until
from tests.ports import free_port
from tests.service import FrontEnd, Program, Worker
from tests.topologies import Group
from tests.valkey import Valkey

JOINED_S = 60.0
READY_S = 60.0
PUBLISHED_S = 60.0
LEASE_S = 4  # three leases in a row that a busy machine lets expire would set a download aside


class NaiveFrontEnd(FrontEnd):
    """The control: see naive.py."""

    program: ClassVar[Sequence[str]] = ("-m", "benchmarks.faults.naive")

    async def ready(self, deadline_s: float = READY_S) -> Self:
        async def answers() -> bool:
            return (await self.get("/health"))[0] == 200

        await eventually(answers, "a naive front-end that answers", deadline_s)
        return self


@dataclass
class Stage:
    """One row's. `servers`: all that hold data; `server`: the one that serves the channel now.

    `notes`: what a row has measured, in words. `environment`: of the front-ends; `worker_environment`: of the workers.
    """

    folder: Path
    topology: Topology = "single"
    naive: bool = False
    environment: dict[str, str] = field(default_factory=dict)
    worker_environment: dict[str, str] = field(default_factory=dict)
    front_ends: list[FrontEnd] = field(default_factory=list)
    workers: list[Worker] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    publishers_url: str = ""
    proxy: Proxy | None = None
    downloads: Downloads | None = None  # that are submitted and commanded; None for the control
    started: list[Program] = field(default_factory=list)

    def __post_init__(self) -> None:
        kind = GROUPS.get(self.topology)
        self.group: Group | None = kind(self.folder / "group") if kind else None
        self.servers = self.group.servers if self.group else [Valkey(self.folder / "valkey")]

    @property
    def url(self) -> str:
        """What front-ends and publisher know, unless a row puts a proxy before it."""
        return self.group.url if self.group else self.servers[0].url

    @property
    def server(self) -> Valkey:
        """What a fault of Redis strikes. Of a group another one may be named by the next moment."""
        return self.group.serving(DEFAULT_CHANNEL) if self.group else self.servers[0]

    def start_servers(self) -> None:
        """They serve, and know each other."""
        if self.group:
            self.group.start()
        else:
            self.servers[0].start()

    def mend(self) -> None:
        """What the fault before has broken is whole again."""
        if self.group:
            self.group.mend(DEFAULT_CHANNEL)

    def redis(self) -> redis.Redis:
        """For commands of an administrator."""
        return redis.Redis(port=self.server.port, protocol=2, socket_timeout=5)

    async def start_front_ends(self, number: int) -> None:
        self.front_ends = [self._front_end(place) for place in range(number)]
        for each in self.front_ends:
            await each.ready(READY_S)

    def _front_end(self, place: int, port: int = 0) -> FrontEnd:
        kind = NaiveFrontEnd if self.naive else FrontEnd
        log, port = self.folder / f"front-end-{place}.log", port or free_port()
        program = kind(self.url, log, raw=True, root_path="", port=port, **self.environment)
        self.started.append(program)
        return program

    @property
    def download_folder(self) -> Path:
        """Where workers put files."""
        return self.folder / "downloads"

    @property
    def addresses(self) -> list[str]:
        """The front-ends' addresses, which a front-end keeps when it is replaced."""
        return [f"http://127.0.0.1:{each.port}" for each in self.front_ends]

    def start_worker(self) -> None:
        log = self.folder / f"worker-{len(self.started)}.log"
        settings = {"SIMULCAST_LEASE_S": str(LEASE_S)} | self.worker_environment
        worker = Worker(self.url, log, self.download_folder, **settings)
        self.started.append(worker)
        self.workers.append(worker)

    async def replace_front_end(self, place: int) -> None:
        """Another one on the same port, ready: what a supervisor does when one has ended."""
        self.front_ends[place] = self._front_end(place, self.front_ends[place].port)
        await self.front_ends[place].ready(READY_S)

    async def healed(self) -> None:
        """Every front-end is ready."""
        for each in self.front_ends:
            await each.ready(READY_S)

    async def start_clients(self) -> Program:
        """They have all joined."""
        folder = self.folder / "journals"
        folder.mkdir()
        extra = ["--bare-only"] if self.naive else []
        command = ["-m", "benchmarks.faults.clients", "--folder", str(folder), *extra, *self.addresses]
        program = self._program(command, "clients.log")

        def joined() -> bool:
            assert program.process.poll() is None, program.output()
            return (folder / "joined").exists()

        await until(joined, "clients that have joined", JOINED_S)
        return program

    def start_publisher(self, load: Load) -> Program:
        flags: Mapping[str, object] = {
            "redis": self.publishers_url or self.url,
            "journal": self.folder / "published.jsonl",
            "rate": load.rate,
            "progress": load.progress,
            "others": load.others,
        }
        arguments = [part for name, value in flags.items() for part in (f"--{name}", str(value))]
        extra = ["--naive"] if self.naive else []
        return self._program(["-m", "benchmarks.faults.publish", *arguments, *extra], "publisher.log")

    async def publishing(self) -> None:
        """The first calls have been answered."""
        journal = self.folder / "published.jsonl"
        await until(lambda: journal.exists() and journal.stat().st_size, "a publisher that publishes")

    async def end(self, publisher: Program, clients: Program, patience_s: float) -> None:
        """The publisher publishes the end, and clients leave when they have seen it, or after `patience_s`."""
        if publisher.process.poll() is not None:
            self.wrong.append(f"the publisher ended: {publisher.output()[-500:]}")
        publisher.signal(signal.SIGTERM)
        await until(lambda: publisher.process.poll() is not None, "a publisher that has ended", PUBLISHED_S)
        try:
            await until(lambda: clients.process.poll() is not None, "clients that have seen the end", patience_s)
        except AssertionError:
            clients.signal(signal.SIGTERM)
            await until(lambda: clients.process.poll() is not None, "clients that have ended")
        for program in (publisher, clients):
            if program.process.returncode:
                self.wrong.append(f"a process of the trial failed: {program.output()[-500:]}")

    def _program(self, command: list[str], log: str) -> Program:
        program = Program(command, self.folder / log)
        self.started.append(program)
        return program

    def close(self) -> None:
        """Ends all that was started, and looks into what front-ends and workers have written."""
        for program in self.started:
            if program.process.poll() is None:
                program.stop()
        (self.group or self.servers[0]).stop()
        for log in (*self.folder.glob("front-end-*.log"), *self.folder.glob("worker-*.log")):
            if not self.naive and "Traceback" in log.read_text(errors="replace"):
                self.wrong.append(f"{log.name} has a traceback")
