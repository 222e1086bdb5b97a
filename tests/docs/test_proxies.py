"""Each proxy of docs/operations.md forwards WebSocket, stream and REST, with TLS and a name."""

import asyncio
import json
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import aiohttp
import pytest
import websockets
from websockets.exceptions import InvalidStatus

from simulcast.broker import Broker
from tests.certificates import write_certificate
from tests.conditions import eventually
from tests.documents import blocks
from tests.ports import free_port
from tests.programs import StartFrontEnd
from tests.service import STOP_S
from tests.tools import program_path
from tests.valkey import Valkey

NAME = "downloads.example.com"


def replaced(text: str, *changes: tuple[str, str]) -> str:
    """Replace each text by the one of this test; each must be in the document."""
    for shown, used in changes:
        assert shown in text, shown
        text = text.replace(shown, used)
    return text


def nginx(block: str, folder: Path, port: int, front_end: int) -> list[str]:
    block = replaced(
        block,
        ("listen 443 ssl", f"listen 127.0.0.1:{port} ssl"),
        ("/etc/ssl/downloads.pem", f"{folder}/cert.pem"),
        ("/etc/ssl/downloads.key", f"{folder}/key.pem"),
        ("127.0.0.1:8080", f"127.0.0.1:{front_end}"),
    )
    paths = "".join(
        f"{kind}_temp_path {folder}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    text = f"pid {folder}/pid; daemon off; error_log stderr; events {{}} http {{ access_log off; {paths} {block} }}"
    (folder / "nginx.conf").write_text(text)
    return ["nginx", "-p", str(folder), "-c", str(folder / "nginx.conf")]


def caddy(block: str, folder: Path, port: int, front_end: int) -> list[str]:
    block = replaced(
        block,
        (f"{NAME} {{", f"{NAME}:{port} {{\n\ttls {folder}/cert.pem {folder}/key.pem"),
        ("127.0.0.1:8080", f"127.0.0.1:{front_end}"),
    )
    (folder / "Caddyfile").write_text(f"{{\n\tadmin off\n\tauto_https disable_redirects\n}}\n{block}")
    return ["caddy", "run", "--config", str(folder / "Caddyfile"), "--adapter", "caddyfile"]


def haproxy(block: str, folder: Path, port: int, front_end: int) -> list[str]:
    block = replaced(
        block,
        ("bind :443 ssl", f"bind 127.0.0.1:{port} ssl"),
        ("/etc/ssl/downloads-with-key.pem", f"{folder}/both.pem"),
        ("127.0.0.1:8080", f"127.0.0.1:{front_end}"),
    )
    (folder / "haproxy.cfg").write_text(block)
    return ["haproxy", "-db", "-f", str(folder / "haproxy.cfg")]


Command = Callable[[str, Path, int, int], list[str]]
PROXIES: dict[str, Command] = {"nginx": nginx, "caddy": caddy, "haproxy": haproxy}


@pytest.fixture
def processes() -> Iterator[list[subprocess.Popen[bytes]]]:
    started: list[subprocess.Popen[bytes]] = []
    yield started
    for process in started:
        process.terminate()
        process.wait(timeout=STOP_S)


def started(command: list[str], folder: Path) -> subprocess.Popen[bytes]:
    """Start the program."""
    path = program_path(command[0], command[0])
    with (folder / "log").open("wb") as log:
        environment = {**os.environ, "HOME": str(folder), "XDG_DATA_HOME": str(folder), "XDG_CONFIG_HOME": str(folder)}
        return subprocess.Popen([path, *command[1:]], env=environment, stdout=log, stderr=log)


@pytest.mark.parametrize("proxy", PROXIES)
async def test_a_proxy_forwards_everything(
    proxy: str,
    front_end: StartFrontEnd,
    own_valkey: Valkey,
    processes: list[subprocess.Popen[bytes]],
    tmp_path: Path,
) -> None:
    running = await front_end(SIMULCAST_ALLOWED_HOSTS=NAME)
    trusted, port = write_certificate(tmp_path, NAME), free_port()
    (block,) = blocks("docs/operations.md", proxy)
    process = started(PROXIES[proxy](block, tmp_path, port, running.port), tmp_path)
    processes.append(process)
    broker = Broker.connect(own_valkey.url)

    def connection(origin: str) -> websockets.connect:
        known = websockets.Origin(origin)
        return websockets.connect(
            f"wss://{NAME}/ws", host="127.0.0.1", port=port, ssl=trusted, origin=known, proxy=None
        )

    async def carries() -> bool:
        assert process.poll() is None, (tmp_path / "log").read_text()
        try:
            async with connection(f"https://{NAME}"):
                return True
        except (OSError, InvalidStatus, EOFError):
            return False

    await eventually(carries, f"a connection through {proxy}")
    with pytest.raises(InvalidStatus) as refused:
        async with connection("https://elsewhere.example"):
            pass
    assert refused.value.response.status_code == 403

    base, headers = f"https://127.0.0.1:{port}", {"host": NAME}
    async with aiohttp.ClientSession(headers=headers) as session, connection(f"https://{NAME}") as client:
        async with session.get(f"{base}/events", ssl=trusted, server_hostname=NAME) as stream, asyncio.timeout(30):
            for n in range(3):  # one at a time: a proxy that buffers would hold them back
                await broker.publish({"n": n})
                while f'"n":{n}'.encode() not in await stream.content.readline():
                    continue
                while f'"n":{n}' not in str(await client.recv()):
                    continue
        body = {"url": "https://example.com/a.iso"}
        posting = session.post(f"{base}/downloads", json=body, ssl=trusted, server_hostname=NAME)
        async with posting as answer, asyncio.timeout(30):
            assert answer.status == 201, await answer.text()
            record = await answer.json()
        async with asyncio.timeout(30):
            while json.loads(await client.recv()).get("download_id") != record["download_id"]:
                continue
    await broker.aclose()
