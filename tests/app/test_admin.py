"""The admin port of real programs: chosen, found, refused; and what else a front-end sees to when it starts."""

import asyncio
import os
import resource
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus

from simulcast.launcher.embedded import EmbeddedServer
from tests.command_line import Command, command_process
from tests.conditions import eventually
from tests.http_requests import get_text
from tests.ports import free_port, free_ports
from tests.running_service import service
from tests.scraping import Scraped
from tests.service import ROOT, LimitedFrontEnd, Program
from tests.valkey import Valkey

pytestmark = pytest.mark.long


async def test_serve_has_the_admin_port_that_was_chosen(
    folder: Path, environment: dict[str, str], embedded: EmbeddedServer
) -> None:
    port, admin = free_port(), free_port()
    flags = ["--port", str(port), "--admin-port", str(admin), "--redis-url", embedded.url]
    async with command_process(folder, environment, "serve", *flags):

        async def ready() -> bool:
            try:
                return (await asyncio.to_thread(get_text, port, "/ready"))[0] == 200
            except OSError:
                return False

        await eventually(ready, "readiness")
        assert Scraped(get_text(admin, "/metrics")[1]).value("simulcast_ready") == 1


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
async def test_up_gives_each_front_end_one_and_names_them(
    folder: Path, environment: dict[str, str], valkey: Valkey
) -> None:
    first = free_ports(2)
    flags = ("--front-ends", "2", "--workers", "0", "--admin-port", str(first), "--redis-url", valkey.url)
    async with service(folder, environment, *flags) as running:
        await running.up()
        assert f"http://127.0.0.1:{first}/metrics" in running.out and f"port {first + 1}" in running.out
        async with connect(f"ws://localhost:{running.port}/ws", proxy=None) as client:
            await client.send("{}")
            await client.recv()
            scraped = [Scraped(get_text(port, "/metrics")[1]) for port in (first, first + 1)]
        assert sorted(each.value("simulcast_joins_total") for each in scraped) == [0, 1]
        assert get_text(running.port, "/metrics")[0] == 404
        assert await running.stop() == 0


def test_one_that_is_taken_is_named_with_what_to_do(simulcast_process: Command, valkey: Valkey) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        for program in (["up", "--port", "0"], ["serve", "--port", str(free_port())]):
            done = simulcast_process(*program, "--admin-port", str(port), "--redis-url", valkey.url)
            assert (done.returncode, done.stdout) == (1, "")
            assert str(port) in done.stderr and "--admin-port" in done.stderr and "Traceback" not in done.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
async def test_a_front_end_may_have_as_many_files_open_as_the_hard_limit_allows(valkey: Valkey, tmp_path: Path) -> None:
    hard = min(resource.getrlimit(resource.RLIMIT_NOFILE)[1], 2048)
    log = tmp_path / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [
                "sh",
                "-c",
                f"ulimit -Sn 256; ulimit -Hn {hard}; exec {sys.executable} -m app",
            ],
            cwd=ROOT,
            env={**os.environ, "REDIS_URL": valkey.url, "SIMULCAST_PORT": str(free_port())},
            stdout=output,
            stderr=output,
        )
    try:

        async def raised() -> bool:
            assert process.poll() is None, log.read_text()
            return f"open files: raised from 256 to {hard}" in log.read_text()

        await eventually(raised, "the limit's raising")
        limits = Path(f"/proc/{process.pid}/limits").read_text()
        assert f"Max open files            {hard}" in limits
    finally:
        process.terminate()
        process.wait(timeout=30)


async def test_where_there_is_no_room_for_clients_metrics_still_say_so(
    valkey: Valkey, tmp_path: Path, programs: list[Program]
) -> None:
    admin = free_port()
    running = LimitedFrontEnd(valkey.url, tmp_path / "limited.log", SIMULCAST_ADMIN_PORT=str(admin))
    programs.append(running)
    await running.ready()
    served: list[ClientConnection] = []
    with suppress(InvalidStatus):
        while True:
            served.append(await running.connect())
    scraped = Scraped(get_text(admin, "/metrics")[1])
    assert scraped.value("process_max_fds") == running.descriptors
    assert scraped.value("simulcast_clients") == len(served)
    for client in served:
        client.transport.abort()
