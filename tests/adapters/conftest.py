"""Fixtures: front-ends and a queue's own server, for all tests of a module."""

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.service import FrontEnd, Program
from tests.valkey import Valkey


@dataclass
class Service:
    """Two front-ends on one Valkey, and the Valkey of a queue."""

    folder: Path
    valkey: Valkey
    queue: Valkey
    front_end: FrontEnd
    other: FrontEnd

    @property
    def environment(self) -> dict[str, str]:
        return {"REDIS_URL": self.valkey.url, "BROKER_URL": self.queue.url.removesuffix("/0")}

    @contextmanager
    def program(self, *command: str, **environment: str) -> Iterator[Program]:
        """Run a Python program until the end of the block."""
        log = self.folder / f"program-{len(list(self.folder.iterdir()))}.log"
        program = Program(list(command), log, **(self.environment | environment))
        try:
            yield program
        finally:
            program.stop()


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("adapters")
    with ExitStack() as stack:
        servers = [Valkey(folder / name).start() for name in ("valkey", "queue")]
        for server in servers:
            stack.callback(server.stop)
        front_ends = [FrontEnd(servers[0].url, folder / f"front-end-{number}.log") for number in range(2)]
        for front_end in front_ends:
            stack.callback(front_end.stop)
        asyncio.run(_until_ready(front_ends))
        yield Service(folder, servers[0], servers[1], front_ends[0], front_ends[1])


async def _until_ready(front_ends: list[FrontEnd]) -> None:
    for front_end in front_ends:
        await front_end.ready()
