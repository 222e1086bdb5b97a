"""Sockets that outlive their front-end, as those of systemd do: a restart refuses nobody."""

import asyncio
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import aiohttp
import pytest
from websockets.asyncio.client import connect

from simulcast.errors import CommandError
from simulcast.launcher import activation
from simulcast.launcher.activation import activated_sockets
from tests.conditions import until
from tests.ports import free_port
from tests.service import ROOT, STOP_S
from tests.tools import program_path
from tests.valkey import Valkey

CONNECTIONS, SIMULTANEOUS = 1000, 50
# As systemd starts a service: the socket is descriptor 3, and the variables name this process.
START = """
import os, sys
os.dup2(int(sys.argv[1]), 3)
os.environ |= {"LISTEN_FDS": "1", "LISTEN_PID": str(os.getpid())}
os.execv(sys.executable, [sys.executable, "-m", "app"])
"""


@contextmanager
def started(listener: socket.socket, redis_url: str, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-c", START, str(listener.fileno())],
            cwd=ROOT,
            env={**os.environ, "REDIS_URL": redis_url, "SIMULCAST_DRAIN_S": "0.5"},
            pass_fds=[listener.fileno()],
            stdout=output,
            stderr=output,
        )
    try:
        yield process
    finally:
        process.terminate()
        process.wait(timeout=STOP_S)


@pytest.mark.long
async def test_a_thousand_connections_during_a_restart_and_none_is_refused(own_valkey: Valkey, tmp_path: Path) -> None:
    accepted: list[int] = []
    log = tmp_path / "front-ends.log"
    with socket.create_server(("127.0.0.1", 0), backlog=4096) as listener:
        port, places = listener.getsockname()[1], asyncio.Semaphore(SIMULTANEOUS)

        async def come(number: int) -> None:
            async with places, connect(f"ws://127.0.0.1:{port}/ws", proxy=None, open_timeout=60):
                accepted.append(number)

        async with asyncio.TaskGroup() as group:
            with started(listener, own_valkey.url, log) as first:
                for number in range(CONNECTIONS // 2):
                    group.create_task(come(number))
                await until(lambda: len(accepted) > CONNECTIONS // 8, "the first of them")
                first.terminate()
                await asyncio.to_thread(first.wait, STOP_S)
            for number in range(CONNECTIONS // 2, CONNECTIONS):  # they come while nobody runs
                group.create_task(come(number))
            with started(listener, own_valkey.url, log):
                await until(lambda: len(accepted) == CONNECTIONS, "all of them", 60)
    assert "Traceback" not in log.read_text(), log.read_text()


async def test_systemd_hands_over_its_socket(own_valkey: Valkey, tmp_path: Path) -> None:
    activate, port = program_path("systemd-socket-activate", "systemd"), free_port()
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(
            [activate, "-l", f"127.0.0.1:{port}", "-E", "REDIS_URL", "-E", "PYTHONPATH", sys.executable, "-m", "app"],
            cwd=ROOT,
            env={**os.environ, "REDIS_URL": own_valkey.url, "PYTHONPATH": str(ROOT)},
            stdout=log,
            stderr=log,
        )
    try:
        await until(lambda: "Listening on" in (tmp_path / "log").read_text(), "systemd's socket")
        async with aiohttp.request("GET", f"http://127.0.0.1:{port}/health") as answer:
            assert answer.status == 200
    finally:
        process.terminate()
        process.wait(timeout=STOP_S)


@pytest.fixture
def passed(monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """A socket that is passed on by the protocol, whichever descriptor it has."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        monkeypatch.setattr(activation, "FIRST_FD", listener.fileno())
        monkeypatch.setenv("LISTEN_FDS", "1")
        monkeypatch.setenv("LISTEN_FDNAMES", "simulcast.socket")
        monkeypatch.setenv("LISTEN_PID", str(os.getpid()))
        yield listener


def test_the_variables_are_for_one_process_and_once(passed: socket.socket) -> None:
    (listener,) = activated_sockets()
    assert listener.getsockname() == passed.getsockname() and not listener.get_inheritable()
    listener.detach()
    assert not [name for name in os.environ if name.startswith("LISTEN_")]
    assert activated_sockets() == []


def test_sockets_of_another_process_are_left_alone(passed: socket.socket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LISTEN_PID", "1")
    assert activated_sockets() == []


def test_a_connection_in_place_of_a_listening_socket_is_refused(
    passed: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_connection(passed.getsockname()) as connection:
        monkeypatch.setattr(activation, "FIRST_FD", connection.detach())
        with pytest.raises(CommandError, match="Accept=no"):
            activated_sockets()
