"""The programs of docs/embedding.md, as processes of their own under servers that are not ours."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import websockets
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed, InvalidStatus

from simulcast.model.channel import DEFAULT_CHANNEL, ChannelNames
from simulcast.model.close_codes import Reconnect
from simulcast.model.token_claims import SCOPES
from tests.documents import blocks
from tests.ports import free_port
from tests.service import FrontEnd, Program, collect
from tests.valkey import Valkey

pytestmark = pytest.mark.long

BEFORE, AFTER, OWN_LIFESPAN, SEVERAL, AUTHORIZED, CONFTEST, TESTS = blocks("docs/embedding.md", "python")
ON_EACH_SERVER = pytest.mark.parametrize("server", ["uvicorn", "hypercorn"])
PROGRESS = "/downloads/12345/progress?progress=0.5&speed=1024"
STARTED_S = 60


class Daemon(FrontEnd):
    """The application of the page with that text, served by that server. `path`: where its front-end is."""

    def __init__(self, folder: Path, text: str, server: str, redis_url: str, path: str = "") -> None:
        self.port = free_port()
        self.path = path
        folder.mkdir(exist_ok=True)
        (folder / "daemon_main.py").write_text(text, encoding="utf-8")
        address = f"127.0.0.1:{self.port}"
        where = ["--bind", address] if server == "hypercorn" else ["--port", str(self.port)]
        environment = {"REDIS_URL": redis_url, "PYTHONPATH": str(folder), "PYTHONUNBUFFERED": "1"}
        command = ["-m", server, "daemon_main:app", *where]
        Program.__init__(self, command, folder / f"{server}-{self.port}.log", **environment)

    @property
    def ws(self) -> str:
        return f"ws://127.0.0.1:{self.port}{self.path}/ws"

    async def get(self, path: str) -> tuple[int, dict[str, object]]:
        return await super().get(self.path + path)


StartDaemon = Callable[..., Daemon]


@pytest.fixture
def daemon(own_valkey: Valkey, tmp_path: Path) -> Iterator[StartDaemon]:
    started: list[Daemon] = []

    def start(text: str, server: str = "uvicorn", path: str = "") -> Daemon:
        started.append(Daemon(tmp_path / "daemon", text, server, own_valkey.url, path))
        return started[-1]

    yield start
    for program in started:
        program.stop()
        assert "Exception in ASGI" not in program.output(), program.output()  # hypercorn's own log has tracebacks


async def received(client: ClientConnection) -> dict[str, object]:
    async with asyncio.timeout(STARTED_S):
        event: dict[str, object] = json.loads(await client.recv())
    return event


@ON_EACH_SERVER
async def test_one_broadcast_reaches_a_plain_client_at_each_of_two_processes(daemon: StartDaemon, server: str) -> None:
    first, second = daemon(AFTER, server), daemon(AFTER, server)
    await first.ready()
    await second.ready()
    async with await first.connect() as here, await second.connect() as there:
        assert (await first.post(PROGRESS, None))[0] == 200
        for client in (here, there):
            event = await received(client)
            assert event.pop("event_id")
            assert event == {"type": "download_progress", "download_id": "12345", "progress": 0.5, "speed": 1024}
    async with await second.connect() as late:  # it gets the snapshot
        assert (await received(late))["progress"] == 0.5
    assert (await first.get("/health"))[0] == 200


async def test_before_and_after_send_the_same_message_to_a_plain_client(daemon: StartDaemon) -> None:
    messages = []
    for text, probe in ((BEFORE, "/health"), (AFTER, "/ready")):
        program = daemon(text)
        async with asyncio.timeout(STARTED_S):
            while (await program.get(probe))[0] != 200:
                await asyncio.sleep(0.05)
        async with await program.connect() as client:
            await client.send("Hello from Flutter!")
            assert (await program.post(PROGRESS, None))[0] == 200
            messages.append({name: value for name, value in (await received(client)).items() if name != "event_id"})
    assert messages[0] == messages[1]
    assert len(AFTER.splitlines()) < len(BEFORE.splitlines()) / 2


@ON_EACH_SERVER
async def test_an_event_stream_gets_what_a_websocket_gets(daemon: StartDaemon, server: str) -> None:
    program = await daemon(AFTER, server).ready()
    reader, writer = await asyncio.open_connection("127.0.0.1", program.port)
    writer.write(b"GET /events HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n")
    async with asyncio.timeout(STARTED_S):
        await reader.readuntil(b"event: hello")
        await program.post(PROGRESS, None)
        assert b'"progress":0.5' in await reader.readuntil(b'"speed":1024}')
    writer.close()


@ON_EACH_SERVER
async def test_the_end_of_the_server_disconnects_its_clients_so_that_they_reconnect(
    daemon: StartDaemon, server: str
) -> None:
    program = await daemon(AFTER, server).ready()
    reader, writer = await asyncio.open_connection("127.0.0.1", program.port)
    writer.write(b"GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n")
    async with await program.connect() as client:
        async with asyncio.timeout(STARTED_S):
            await reader.readuntil(b"event: hello")
        stopped = asyncio.create_task(asyncio.to_thread(program.stop))
        async with asyncio.timeout(STARTED_S):
            with pytest.raises(ConnectionClosed):
                await client.recv()
            await reader.read()  # to its end
        assert client.close_code == Reconnect.SERVICE_RESTART
        await stopped
    writer.close()


async def test_the_lifespan_of_the_application_runs_around_that_of_the_front_end(daemon: StartDaemon) -> None:
    program = await daemon(OWN_LIFESPAN).ready()
    assert "opens its database" in program.output()
    assert "closes its database" not in program.output()
    program.stop()
    assert "closes its database" in program.output()


@ON_EACH_SERVER
async def test_several_front_ends_below_sub_paths_do_not_depend_on_each_other(
    daemon: StartDaemon, server: str, own_valkey: Valkey
) -> None:
    program = await daemon(SEVERAL, server, "/shop").ready()
    program.path = "/live"
    await program.ready()
    async with await program.connect() as downloads:
        program.path = "/shop"
        async with await program.connect() as orders:
            assert (await program.post("/orders/7", None))[0] == 200
            assert (await received(orders))["order"] == "7"
            with own_valkey.admin() as admin:
                admin.publish(ChannelNames(DEFAULT_CHANNEL).pubsub, "only downloads")
            async with asyncio.timeout(STARTED_S):
                assert await downloads.recv() == "only downloads"


async def test_the_application_decides_who_connects_and_what_they_may_do(daemon: StartDaemon) -> None:
    program = await daemon(AUTHORIZED).ready()

    async def refusal(query: str, **headers: str) -> tuple[int, str]:
        with pytest.raises(InvalidStatus) as refused:
            await websockets.connect(program.ws + query, additional_headers=headers, proxy=None)
        response = refused.value.response
        return response.status_code, json.loads(response.body or b"")["detail"]

    assert await refusal("") == (401, "send the header x-api-key")
    status, reason = await refusal("?channel=of-ada", **{"x-api-key": "secret-of-bob"})
    assert (status, "of-ada" in reason) == (403, True)
    assert (await program.get("/events"))[0] == 401
    answers = {}
    for user in ("ada", "bob"):
        headers = {"x-api-key": f"secret-of-{user}"}
        async with websockets.connect(program.ws, additional_headers=headers, proxy=None) as client:
            await client.send('{"action":"pause_download","download_id":"1"}')
            answers[user] = json.loads((await collect(client, '"command_result"'))[-1])["reason"]
    assert answers == {"ada": "unknown_download", "bob": "not_allowed"}


async def test_a_page_of_another_site_may_not_connect(daemon: StartDaemon) -> None:
    program = await daemon(AFTER).ready()
    with pytest.raises(InvalidStatus) as refused:
        await websockets.connect(program.ws, origin=websockets.Origin("https://evil.example"), proxy=None)
    assert refused.value.response.status_code == 403


def test_the_tests_of_the_page_pass_without_a_redis(tmp_path: Path) -> None:
    for name, text in {"daemon_main.py": AFTER, "conftest.py": CONFTEST, "test_live.py": TESTS}.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST", "REDIS_URL"))}
    folder = str(tmp_path)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", folder, folder]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 passed" in done.stdout


def test_the_page_names_the_scopes_of_websocket_clients() -> None:
    assert {"watch", "command"} <= set(SCOPES)
