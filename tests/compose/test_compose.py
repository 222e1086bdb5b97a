"""The containers, for real: three front-ends behind nginx, and what only such a set-up can get wrong.

Needs Docker with Compose. In CI (the variable CI is set) an engine is started by shared/tools/compose_up.sh
where none answers, and having neither is a failure; elsewhere the tests are skipped. SIMULCAST_COMPOSE_UP
names that script.
"""

import asyncio
import json
import os
import socket
import subprocess
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from urllib.request import Request, urlopen

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus
from websockets.typing import Origin

# Nothing warm: engine, base images, the image and three health checks in a row.
pytestmark = pytest.mark.timeout(400)

ROOT = Path(__file__).resolve().parents[2]
FRONT_ENDS = 3
MOST_CLIENTS = 60

# Established connections to port 8080 that come from other containers; a health check comes from 127.0.0.1.
COUNT_CLIENTS = """
rows = [line.split() for line in open("/proc/net/tcp")][1:]
print(sum(
    own.endswith(":1F90") and state == "01" and not peer.startswith("0100007F")
    for _, own, peer, state, *_ in rows
))
"""


@dataclass(frozen=True)
class Stack:
    """The running project. `compose` is the command that takes Compose's arguments."""

    compose: tuple[str, ...]
    environment: dict[str, str]
    port: int
    downloads: Path
    uid: int
    say: Callable[[str], None]

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}/ws"

    def run(self, *arguments: str, **changed: str) -> subprocess.CompletedProcess[str]:
        """Compose's answer, whatever it is; `changed` are environment variables."""
        return subprocess.run(
            [*self.compose, *arguments],
            cwd=ROOT,
            env=self.environment | changed,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=90,
            check=False,
        )

    def inside(self, service: str, *command: str, index: int = 1) -> str:
        """What the command prints in a service's container. Fails the test if the command fails."""
        done = self.run("exec", "-T", "--index", str(index), service, *command)
        assert done.returncode == 0, f"{command} in {service} ended with {done.returncode}: {done.stdout}"
        return done.stdout

    def clients_per_front_end(self) -> list[int]:
        return [
            int(self.inside("app", "python", "-c", COUNT_CLIENTS, index=i).split()[-1])
            for i in range(1, FRONT_ENDS + 1)
        ]

    def publish(self, event: dict[str, object]) -> None:
        """From the worker's container, so that no front-end is the publisher."""
        self.inside("worker", "simulcast", "publish", "downloads", json.dumps(event))


def answers(*command: str) -> bool:
    try:
        return subprocess.run(command, capture_output=True, timeout=20, check=False).returncode == 0
    except (FileNotFoundError, subprocess.TimeoutExpired):
        return False


def starter() -> Path | None:
    """The script that starts an engine, or None where an engine with Compose already answers."""
    if answers("docker", "info") and answers("docker", "compose", "version"):
        return None
    named = os.environ.get("SIMULCAST_COMPOSE_UP")
    script = Path(named) if named else ROOT.parent / "shared/tools/compose_up.sh"
    if named or os.environ.get("CI"):
        if not script.is_file():
            pytest.fail(f"no Docker engine with Compose answers, and there is no {script} to start one")
        return script
    pytest.skip("no Docker engine with Compose answers; SIMULCAST_COMPOSE_UP=…/compose_up.sh starts one")


def engine_of_script(*arguments: str) -> tuple[str, ...]:
    state = os.environ.get("COMPOSE_UP_STATE", "/var/tmp/compose-up")  # noqa: S108  as in the script
    return "docker", "--host", f"unix://{state}/docker.sock", *arguments


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture(scope="module")
def stack(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    script = starter()
    began = time.monotonic()
    terminal = request.config.pluginmanager.getplugin("capturemanager")
    assert terminal is not None

    def say(text: str) -> None:
        with terminal.global_and_fixture_disabled():
            print(f"\n[compose {time.monotonic() - began:5.1f}s] {text}", flush=True)

    downloads = tmp_path_factory.mktemp("downloads")
    downloads.chmod(0o755)
    uid = os.getuid() or 1000
    if os.getuid() == 0:
        os.chown(downloads, uid, uid)
    port = free_port()
    environment = {name: value for name, value in os.environ.items() if not name.startswith("COMPOSE_")} | {
        # A project of its own, so that tearing it down can't touch one that a person runs from this folder.
        "COMPOSE_PROJECT_NAME": f"simulcast-test-{zlib.crc32(bytes(ROOT)):08x}",
        # The classic builder builds app and worker twice when at once; in turn, the second is the first's layers.
        "COMPOSE_PARALLEL_LIMIT": "1",
        "SIMULCAST_PUBLISH": f"127.0.0.1:{port}",
        "SIMULCAST_DOWNLOADS": str(downloads),
        "SIMULCAST_ALLOW_NETWORKS": "10.0.0.0/8,172.16.0.0/12,192.168.0.0/16",  # where Docker's networks are
        "SIMULCAST_LOG": "info",
        "PUID": str(uid),
        "PGID": str(uid if os.getuid() == 0 else os.getgid()),
    }
    if state := os.environ.get("COMPOSE_UP_STATE"):
        environment["COMPOSE_UP_STATE"] = state

    scale = ("--scale", f"app={FRONT_ENDS}")
    if script is None:
        compose: tuple[str, ...] = ("docker", "compose")
        up = (*compose, "up", "-d", "--build", "--wait", "--wait-timeout", "120", *scale)
        ours = False
    else:
        compose = ("bash", str(script), "--exec", str(ROOT))
        up = ("bash", str(script), str(ROOT), *scale)
        ours = not answers(*engine_of_script("version"))
    running = Stack(compose, environment, port, downloads, uid, say)
    say(f"bringing up {FRONT_ENDS} front-ends with {script or 'the engine that answers'}")
    try:
        with terminal.global_and_fixture_disabled():
            started = subprocess.run(up, cwd=ROOT, env=environment, timeout=300, check=False).returncode == 0
        if not started:
            say(running.run("logs", "--tail", "40").stdout)
            pytest.fail("the project did not come up; what its containers said stands above")
        say(f"up at 127.0.0.1:{port}")
        yield running
    finally:
        down = running.run("down", "-v", "--remove-orphans", "-t", "5")
        if ours and not subprocess.run(engine_of_script("ps", "-q"), capture_output=True, check=False).stdout:
            subprocess.run(
                ("bash", str(script), "--stop"), env=environment, capture_output=True, timeout=60, check=False
            )
        say("torn down" if down.returncode == 0 else f"tearing down failed: {down.stdout}")


async def messages_with(client: ClientConnection, part: str) -> list[str]:
    """All that the client is sent, up to the first message that contains `part`."""
    messages: list[str] = []
    try:
        async with asyncio.timeout(15):
            while not messages or part not in messages[-1]:
                messages.append(str(await client.recv()))
    except TimeoutError:
        pytest.fail(f"nothing with {part} came in 15 s, but {messages}")
    return messages


async def test_one_publication_reaches_the_clients_of_every_front_end_once(stack: Stack) -> None:
    async with AsyncExitStack() as open_clients:
        clients: list[ClientConnection] = []
        spread = [0] * FRONT_ENDS
        while not all(spread) and len(clients) < MOST_CLIENTS:
            for _ in range(6):
                clients.append(await open_clients.enter_async_context(connect(stack.url, proxy=None)))
            spread = await asyncio.to_thread(stack.clients_per_front_end)
        stack.say(f"{len(clients)} clients, connected to the front-ends: {spread}")
        assert all(spread)

        event = {"type": "download_progress", "progress": 0.5, "speed": 1024}
        await asyncio.to_thread(stack.publish, event | {"download_id": "one"})
        await asyncio.to_thread(stack.publish, event | {"download_id": "after"})
        received = await asyncio.gather(*(messages_with(client, '"after"') for client in clients))
        about_one = [[text for text in messages if '"one"' in text] for messages in received]
        assert [len(texts) for texts in about_one] == [1] * len(clients)
        assert len({texts[0] for texts in about_one}) == 1
        stack.say(f"each of them got: {about_one[0][0]}")


async def test_nginx_passes_the_host_so_that_only_a_page_of_this_service_may_connect(stack: Stack) -> None:
    async with connect(stack.url, proxy=None, origin=Origin(f"http://127.0.0.1:{stack.port}")):
        pass
    with pytest.raises(InvalidStatus) as refused:
        async with connect(stack.url, proxy=None, origin=Origin("http://elsewhere.example")):
            pass
    assert refused.value.response.status_code == 403


def posted(url: str, body: dict[str, str]) -> int:
    """The status of a POST as `curl` would make it."""
    request = Request(url, json.dumps(body).encode(), {"content-type": "application/json"})  # noqa: S310
    with urlopen(request, timeout=10) as answer:  # noqa: S310
        status: int = answer.status
        return status


async def test_a_download_ends_in_the_mounted_folder_and_belongs_to_puid(stack: Stack) -> None:
    async with connect(stack.url, proxy=None) as client:
        downloads = f"http://127.0.0.1:{stack.port}/downloads"
        # What every machine has within the stack: nginx, as the worker's container sees it.
        assert await asyncio.to_thread(posted, downloads, {"url": "http://nginx:8080/health"}) == 201
        messages = await messages_with(client, '"download_complete"')
        assert '"download_error"' not in "".join(messages)
    stack.say(f"the worker told: {messages[-1]}")
    (file,) = [path for path in stack.downloads.iterdir() if not path.name.startswith(".")]
    assert (file.name, file.stat().st_uid) == ("health", stack.uid)


def test_a_worker_that_cannot_write_its_folder_stops_with_path_user_and_remedy(stack: Stack) -> None:
    locked = stack.downloads.parent / "locked"
    locked.mkdir(mode=0o555)
    worker = stack.run("run", "--rm", "--no-deps", "-T", "worker", SIMULCAST_DOWNLOADS=str(locked))
    stack.say(f"the worker said: {worker.stdout.strip()}")
    assert worker.returncode != 0
    assert "/downloads" in worker.stdout
    assert str(stack.uid) in worker.stdout
    assert "chown" in worker.stdout
