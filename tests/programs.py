"""Fixtures: programs that a test starts, all ended with it."""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from simulcast.broker import Broker
from tests.ports import free_port
from tests.service import FrontEnd, Program, Worker
from tests.valkey import Valkey

# A line of the log of any program.
LINE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}[+-]\d\d:\d\d [A-Z]+ +[\w-]+\[\d+\] [\w.]+: .*")
StartFrontEnd = Callable[..., Awaitable[FrontEnd]]
StartWorker = Callable[..., Worker]


@pytest.fixture
def programs() -> Iterator[list[Program]]:
    started: list[Program] = []
    yield started
    for program in started:
        program.stop()
    for program in started:
        assert "Traceback" not in program.output(), program.output()


@pytest.fixture
def front_end(own_valkey: Valkey, tmp_path: Path, programs: list[Program]) -> StartFrontEnd:
    """Start a front-end, and wait until it is ready."""

    async def start(
        *,
        raw: bool = True,
        redis_url: str = "",
        ready: bool = True,
        root_path: str = "",
        port: int = 0,
        **environment: str,
    ) -> FrontEnd:
        log = tmp_path / f"front-end-{len(programs)}.log"
        url = redis_url or own_valkey.url
        program = FrontEnd(url, log, raw=raw, root_path=root_path, port=port, **environment)
        programs.append(program)
        return await program.ready() if ready else program

    return start


@pytest.fixture
def worker(own_valkey: Valkey, tmp_path: Path, programs: list[Program]) -> StartWorker:
    def start(**environment: str) -> Worker:
        folder = tmp_path / "downloads"
        program = Worker(own_valkey.url, tmp_path / f"worker-{len(programs)}.log", folder, **environment)
        programs.append(program)
        return program

    return start


@contextmanager
def one_front_end(folder: Path, *, raw: bool = True, **environment: str) -> Iterator[FrontEnd]:
    """Run a front-end with a Valkey of its own. Its log must hold neither a traceback nor a token."""
    server = Valkey(folder / "valkey").start()
    try:
        program = FrontEnd(server.url, folder / "front-end.log", raw=raw, port=free_port(), **environment)
        try:
            asyncio.run(_until_ready(program))
            yield program
        finally:
            program.stop()
    finally:
        server.stop()
    assert "Traceback" not in program.output(), program.output()
    assert "eyJ" not in program.output(), program.output()


@pytest.fixture(scope="module")
def shared_front_end(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FrontEnd]:
    """A front-end for a whole module, whose tests leave no trace that another test reads."""
    with one_front_end(tmp_path_factory.mktemp("shared")) as program:
        yield program


@pytest.fixture
async def shared_broker(shared_front_end: FrontEnd) -> AsyncIterator[Broker]:
    """A publisher to the clients of the shared front-end."""
    broker = Broker.connect(shared_front_end.redis_url)
    yield broker
    await broker.aclose()


async def _until_ready(program: FrontEnd) -> None:
    await program.ready()
