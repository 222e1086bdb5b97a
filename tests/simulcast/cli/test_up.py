import json
import os
import signal
import socket
import sys
from pathlib import Path

import pytest
from websockets.asyncio.client import connect

from simulcast.broker import Broker
from simulcast.launcher.embedded import EmbeddedServer
from simulcast.launcher.programs import front_end
from simulcast.settings.redis import URL_FILE
from tests.command_line import Command
from tests.conditions import eventually, until
from tests.ports import has_ipv6
from tests.processes import is_alive
from tests.running_service import responds, service
from tests.valkey import Valkey

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
STUB = (sys.executable, "-m", "tests.simulcast.cli.stub_up")


async def test_up_runs_everything_and_ctrl_c_stops_it_cleanly(folder: Path, environment: dict[str, str]) -> None:
    async with service(folder, environment, "--front-ends", "2", "--workers", "2", "--data", "kept/here") as running:
        await running.up()
        started = running.processes()
        assert len(started) == 5
        for address in ("127.0.0.1", "[::1]") if has_ipv6() else ("127.0.0.1",):
            assert responds(f"http://{address}:{running.port}/ready")
        url = (folder / "kept" / "here" / URL_FILE).read_text().strip()
        async with connect(f"ws://localhost:{running.port}/ws", proxy=None) as client:
            broker = Broker.connect(url)
            position = await broker.publish({"type": "hello"})
            await broker.aclose()
            assert json.loads(await client.recv()) == {"event_id": str(position), "type": "hello"}
        assert await running.stop() == 0
        assert not any(map(is_alive, started))
        assert not (folder / "kept" / "here" / URL_FILE).exists()
    assert "stopping (SIGINT)" in running.out and "Simulcast has stopped." in running.out
    assert "Traceback" not in running.err and "killing" not in running.err
    assert url.split(":")[2].partition("@")[0] not in running.out + running.err


@pytest.mark.long
async def test_killing_up_leaves_nothing_behind(folder: Path, environment: dict[str, str]) -> None:
    async with service(folder, environment) as running:
        await running.up()
        started = running.processes()
        assert len(started) == 3
        running.signal(signal.SIGKILL)
        await until(lambda: not any(map(is_alive, started)), "the end of all that it started")


@pytest.mark.long
async def test_up_restarts_processes_that_die(folder: Path, environment: dict[str, str], simulcast: Command) -> None:
    async with service(folder, environment) as running:
        await running.up()
        first = running.processes()
        for pid in first:
            os.kill(pid, signal.SIGKILL)
        await until(lambda: len(running.processes() - first) == 3, "three new processes")
        await until(lambda: responds(f"http://localhost:{running.port}/ready"), "readiness")

        async def publishes() -> bool:
            return simulcast("publish", "downloads", "{}").returncode == 0

        await eventually(publishes, "a publication")
        assert await running.stop() == 0
    for text in ("front-end 1 ended by itself (SIGKILL)", "worker 1 ended by itself", "the embedded server died"):
        assert text in running.err


async def test_up_names_a_taken_port_and_starts_nothing(simulcast_process: Command, folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = simulcast_process("up", "--port", str(port))
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        f"simulcast: port {port} of 127.0.0.1 is taken: stop its owner, or choose another port with --port\n"
    )
    assert not (folder / "data").exists()


async def test_up_uses_the_given_redis(folder: Path, environment: dict[str, str], valkey: Valkey) -> None:
    async with service(folder, environment | {"REDIS_URL": valkey.url}) as running:
        await running.up()
        assert len(running.processes()) == 2
        assert not (folder / "data").exists()
        running.signal(signal.SIGTERM)
        assert await running.ended() == 0
    assert "stopping (SIGTERM)" in running.out


def test_up_names_the_remedy_for_a_given_redis_that_is_away(simulcast_process: Command) -> None:
    done = simulcast_process("up", "--port", "0", "--redis-url", "redis://me:secret@localhost:1/0")
    assert done.returncode == 3
    assert (
        done.stderr == "simulcast: no Redis at redis://localhost:1/0: start one with `simulcast up`, or set REDIS_URL\n"
    )


async def test_up_refuses_the_folder_of_a_running_service(simulcast_process: Command, embedded: EmbeddedServer) -> None:
    done = simulcast_process("up", "--port", "0")
    assert done.returncode == 1
    assert f"another Simulcast uses {embedded.data} (its server is process {embedded.pid})" in done.stderr


@pytest.mark.long
async def test_up_lets_the_network_in_only_with_tokens_or_by_a_flag(folder: Path, environment: dict[str, str]) -> None:
    anywhere = ("--host", "0.0.0.0", "--workers", "0")
    async with service(folder, environment, *anywhere) as running:
        assert await running.ended() == 1
    assert running.err.startswith("simulcast: --host 0.0.0.0: without tokens, every machine that reaches it")
    assert "SIMULCAST_OPEN_TO_EVERYONE=true" in running.err and "Traceback" not in running.err
    async with service(folder, environment, *anywhere, "--open-to-everyone") as running:
        await running.up()
    async with service(folder, environment | {"SIMULCAST_TOKEN_SECRET": "x" * 32}, *anywhere) as running:
        await running.up()


async def test_up_names_the_reason_why_a_front_end_is_not_ready(folder: Path, environment: dict[str, str]) -> None:
    async with service(folder, environment, command=[*STUB, "unready", "works"]) as running:
        await until(lambda: len(running.processes()) == 3, "all processes")
        started = running.processes()
        assert await running.ended() == 1
        assert not any(map(is_alive, started))
    assert "simulcast: front-end 1 does not become ready: no events from Redis." in running.err
    assert "Traceback" not in running.err and "is up" not in running.out


@pytest.mark.long
async def test_up_ends_when_a_worker_never_starts(folder: Path, environment: dict[str, str]) -> None:
    async with service(folder, environment, command=[*STUB, "ready", "fails"]) as running:
        assert await running.ended() == 1
    assert "no luck" in running.err
    assert "simulcast: worker 1 could not start (exit code 1, 3 times)" in running.err
    assert "Traceback" not in running.err


async def test_up_kills_its_processes_on_a_second_ctrl_c(folder: Path, environment: dict[str, str]) -> None:
    async with service(folder, environment, command=[*STUB, "stubborn", "works"]) as running:
        await running.up()
        started = running.processes()
        running.signal(signal.SIGINT)
        await until(lambda: "repeat to kill" in running.out, "the first")
        running.signal(signal.SIGINT)
        assert await running.ended() == 0
        assert not any(map(is_alive, started))
    assert "front-end 1 does not stop: killing it" in running.err


@pytest.mark.long
async def test_up_does_not_run_a_package_app_of_the_current_folder(folder: Path, environment: dict[str, str]) -> None:
    (folder / "app").mkdir()
    (folder / "app" / "__init__.py").write_text("raise SystemExit('the wrong app')")
    (folder / "app" / "__main__.py").touch()
    async with service(folder, environment, "--workers", "0") as running:
        await running.up()
    assert "the wrong app" not in running.err
    assert "-P" in front_end()
