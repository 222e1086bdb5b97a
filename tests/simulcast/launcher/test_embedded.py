import asyncio
import errno
import os
import signal
import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
import redis

from simulcast.broker import Broker
from simulcast.errors import EmbeddedServerError
from simulcast.launcher import embedded as module
from simulcast.launcher.embedded import EmbeddedServer
from simulcast.launcher.valkey_binary import find_server
from simulcast.model.position import Position
from simulcast.settings.redis import URL_FILE
from simulcast.settings.shared import SharedSettings
from simulcast.store.connection import connect
from tests.conditions import until
from tests.processes import is_alive


@pytest.fixture
async def binary() -> Path:
    return await find_server()


@asynccontextmanager
async def client(url: str) -> AsyncIterator[redis.asyncio.Redis]:
    client = connect(url, max_connections=1)
    yield client
    await client.aclose()


async def publish(url: str) -> Position | None:
    broker = Broker.connect(url)
    try:
        return await broker.publish({"type": "hello"})
    finally:
        await broker.aclose()


def program(folder: Path, text: str) -> Path:
    """A stand-in for the server."""
    path = folder / "valkey-server"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


async def test_embedded_server_answers_on_its_socket_and_on_loopback(embedded: EmbeddedServer) -> None:
    assert embedded.url.startswith("unix://")
    first, second = await publish(embedded.url), await publish(embedded.tcp_url)
    assert first is not None and second == Position(first.epoch, first.offset + 1)


async def test_embedded_server_writes_its_address_and_removes_it_at_the_end(folder: Path, binary: Path) -> None:
    async with EmbeddedServer(folder, binary) as server:
        assert SharedSettings(REDIS_URL="").resolved_redis_url(folder) == server.tcp_url
        assert stat.S_IMODE((folder / URL_FILE).stat().st_mode) == 0o600
    assert not (folder / URL_FILE).exists()


async def test_embedded_server_hides_its_folder_from_other_users(folder: Path, binary: Path) -> None:
    loose = os.umask(0)
    try:
        async with EmbeddedServer(folder / "data", binary) as server:
            await publish(server.url)
            for path in (folder / "data", *(folder / "data").rglob("*")):
                assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path
    finally:
        os.umask(loose)


async def test_embedded_server_allows_only_publish_without_the_password(embedded: EmbeddedServer) -> None:
    async with client(f"redis://127.0.0.1:{embedded.port}/0") as stranger:
        assert await stranger.publish("simulcast:downloads", "{}") == 0
        for command in ("GET x", "SUBSCRIBE simulcast:downloads", "CONFIG GET dir", "PUBLISH other x", "FCALL x 0"):
            with pytest.raises(redis.exceptions.NoPermissionError):
                await stranger.execute_command(*command.split())


async def test_embedded_server_keeps_its_password_out_of_command_lines_and_logs(
    folder: Path, binary: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    async with EmbeddedServer(folder, binary) as server:
        password = server.tcp_url.split(":")[2].partition("@")[0]
        assert len(password) == 32
        assert password.encode() not in Path(f"/proc/{server.pid}/cmdline").read_bytes()
    assert password not in (folder / "valkey.log").read_text() + caplog.text


async def test_embedded_server_keeps_its_data(folder: Path, binary: Path) -> None:
    async with EmbeddedServer(folder, binary) as server, client(server.url) as first:
        await first.set("kept", "yes")
    async with EmbeddedServer(folder, binary) as server, client(server.url) as second:
        assert await second.get("kept") == b"yes"


async def test_embedded_server_refuses_the_folder_of_another(
    embedded: EmbeddedServer, binary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LOCK_TIMEOUT_S", 0.1)
    with pytest.raises(EmbeddedServerError, match=f"another Simulcast uses {embedded.data} .*process {embedded.pid}"):
        await EmbeddedServer(embedded.data, binary).start()
    await publish(embedded.url)
    assert (embedded.data / URL_FILE).exists()


async def test_ctrl_c_in_the_terminal_does_not_reach_it(embedded: EmbeddedServer) -> None:
    assert embedded.pid is not None
    assert os.getsid(embedded.pid) == embedded.pid != os.getsid(0)


async def test_embedded_server_resolves_a_relative_folder(
    folder: Path, binary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    async with EmbeddedServer(Path("here"), binary) as server:
        monkeypatch.chdir("/")
        assert server.data == folder / "here"
        await publish(server.url)
    assert (folder / "here" / "appendonlydir").is_dir()


@pytest.mark.parametrize(
    "name",
    ["x" * 120, 'a "b" \\c', "grün", "new\nline", os.fsdecode(b"\xff")],
    ids=["long", "quotes", "umlaut", "newline", "not UTF-8"],
)
async def test_embedded_server_runs_in_any_folder(folder: Path, binary: Path, name: str) -> None:
    async with EmbeddedServer(folder / name, binary) as server:
        await publish(server.url)
        place = Path(unquote(urlsplit(server.url).path))
        assert len(os.fsencode(place)) <= module.MAX_SOCKET_PATH_BYTES
        assert stat.S_IMODE(place.parent.stat().st_mode) == 0o700
    assert not place.exists()
    assert place.parent == folder / name or not place.parent.exists()
    assert (folder / name / "appendonlydir").is_dir()


async def test_embedded_server_refuses_a_folder_that_others_may_write(folder: Path, binary: Path) -> None:
    (folder / "something").touch()
    folder.chmod(0o777)
    with pytest.raises(EmbeddedServerError, match="other users may write in"):
        await EmbeddedServer(folder, binary).start()


async def test_embedded_server_names_an_impossible_folder(folder: Path, binary: Path) -> None:
    (folder / "file").touch()
    with pytest.raises(EmbeddedServerError, match=f"can't keep data in {folder}/file/data as user .*--data"):
        await EmbeddedServer(folder / "file" / "data", binary).start()


async def test_embedded_server_names_or_skips_a_taken_port(
    embedded: EmbeddedServer, folder: Path, binary: Path
) -> None:
    with pytest.raises(EmbeddedServerError, match=f"port {embedded.port} of 127.0.0.1 is taken"):
        await EmbeddedServer(folder / "other", binary, ports=[embedded.port]).start()
    async with EmbeddedServer(folder / "other", binary, ports=[embedded.port, 0]) as other:
        assert other.port not in (0, embedded.port)


async def test_embedded_server_that_ends_immediately_shows_its_log(folder: Path) -> None:
    server = EmbeddedServer(folder / "data", program(folder, "echo out of luck; exit 3"))
    with pytest.raises(EmbeddedServerError, match=r"ended immediately.*\n  out of luck"):
        await server.start()
    assert not (folder / "data" / URL_FILE).exists()


async def test_embedded_server_that_never_answers_is_stopped(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "START_TIMEOUT_S", 0.3)
    server = EmbeddedServer(folder / "data", program(folder, f"echo $$ > {folder}/pid; echo thinking; exec sleep 60"))
    with pytest.raises(EmbeddedServerError, match=r"doesn't answer.*\n  thinking"):
        await server.start()
    assert not is_alive(int((folder / "pid").read_text()))


async def test_embedded_server_restarts_with_its_data(embedded: EmbeddedServer) -> None:
    keeping = asyncio.create_task(embedded.supervise())
    async with client(embedded.url) as before:
        await before.set("kept", "yes")
    first = embedded.pid
    assert first is not None
    os.kill(first, signal.SIGKILL)
    await until(lambda: embedded.pid not in (None, first), "a new server")
    async with client(embedded.url) as after:
        async with asyncio.timeout(20):
            while True:
                try:
                    assert await after.get("kept") == b"yes"
                    break
                except redis.ConnectionError:
                    await asyncio.sleep(0.01)
    await embedded.stop()
    await keeping


@pytest.mark.parametrize(("library", "call"), [(os, "ftruncate"), (asyncio, "create_subprocess_exec")])
async def test_embedded_server_is_restarted_whatever_the_system_had_no_room_for(
    embedded: EmbeddedServer, monkeypatch: pytest.MonkeyPatch, library: Any, call: str
) -> None:
    original, refusals = getattr(library, call), [OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))]

    def refuse_once(*args: Any, **options: Any) -> Any:
        if refusals:
            raise refusals.pop()
        return original(*args, **options)

    keeping = asyncio.create_task(embedded.supervise())
    first = embedded.pid
    assert first is not None
    monkeypatch.setattr(library, call, refuse_once)
    os.kill(first, signal.SIGKILL)
    await until(lambda: keeping.done() or (not refusals and embedded.pid not in (None, first)), "a new server")
    assert not keeping.done()
    await embedded.stop()
    await keeping


async def test_embedded_server_that_dies_repeatedly_is_given_up(
    embedded: EmbeddedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_RESTARTS", 2)
    keeping = asyncio.create_task(embedded.supervise())
    seen: set[int | None] = {None}
    for _ in range(2):
        await until(lambda: embedded.pid not in seen, "a server")
        assert embedded.pid is not None
        seen.add(embedded.pid)
        os.kill(embedded.pid, signal.SIGKILL)
    with pytest.raises(EmbeddedServerError, match="died 2 times in a row"):
        await asyncio.wait_for(keeping, 20)


async def test_embedded_server_that_restarts_without_answer_is_given_up(
    folder: Path, binary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    once = f"if [ -e {folder}/once ]; then exec sleep 60; fi; touch {folder}/once; exec {binary} -"
    async with EmbeddedServer(folder / "data", program(folder, once)) as server:
        monkeypatch.setattr(module, "START_TIMEOUT_S", 0.3)
        monkeypatch.setattr(module, "MAX_RESTARTS", 2)
        assert server.pid is not None
        os.kill(server.pid, signal.SIGKILL)
        with pytest.raises(EmbeddedServerError, match="died 2 times in a row"):
            await asyncio.wait_for(server.supervise(), 20)
        assert server.pid is None


async def test_embedded_server_that_does_not_stop_is_killed(
    embedded: EmbeddedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "STOP_TIMEOUT_S", 0.1)
    pid = embedded.pid
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    await embedded.stop()
    assert not is_alive(pid)
