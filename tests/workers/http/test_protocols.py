"""HTTP/2 and FTP: the right bytes, also after a break."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pycurl
import pytest
from hypercorn.asyncio import serve
from hypercorn.config import Config

from tests.certificates import write_certificate
from tests.conditions import eventually
from tests.fetching import LOCAL, Download
from tests.ftp_server import FTPServer
from tests.ports import free_port
from workers.error_messages import message_for
from workers.errors import ConnectionFailed, DownloadFailed, IncompleteBody, InvalidURL
from workers.http import client as http_client
from workers.http.client import Client

CONTENT = random.Random(41).randbytes(3_000_000)
SCHEMES = ("http", "https", "ftp")

Application = Callable[[dict[str, object], object, Callable[[dict[str, object]], Awaitable[None]]], Awaitable[None]]


@pytest.fixture
async def anything(tmp_path: Path) -> AsyncIterator[Download]:
    """A download by any of the protocols."""
    async with Client(LOCAL, schemes=SCHEMES) as client:
        yield Download(client, tmp_path / "file.part.1-a")


@asynccontextmanager
async def serve_http2(folder: Path, versions: list[object]) -> AsyncIterator[str]:
    async def application(scope: dict[str, object], receive: object, send: Callable[..., Awaitable[None]]) -> None:
        if scope["type"] == "lifespan":
            return
        versions.append(scope["http_version"])
        headers = [(b"content-length", str(len(CONTENT)).encode()), (b"etag", b'"v1"')]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": CONTENT})

    write_certificate(folder, "127.0.0.1")
    config, port, stop = Config(), free_port(), asyncio.Event()
    config.bind, config.loglevel = [f"127.0.0.1:{port}"], "CRITICAL"
    config.certfile, config.keyfile = str(folder / "cert.pem"), str(folder / "key.pem")
    serving = asyncio.create_task(serve(application, config, shutdown_trigger=stop.wait))  # type: ignore[arg-type]

    async def is_open() -> bool:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            return False
        writer.close()
        return True

    await eventually(is_open, "hypercorn's port")
    try:
        yield f"https://127.0.0.1:{port}/f"
    finally:
        stop.set()
        await serving


async def test_http_2_brings_the_right_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    versions: list[object] = []
    async with serve_http2(tmp_path, versions) as url:
        monkeypatch.setitem(http_client._TLS, pycurl.CAINFO, str(tmp_path / "cert.pem"))
        async with Client(LOCAL) as client:
            download = Download(client, tmp_path / "file.part.1-a")
            fetched = await download.fetch(url)
    assert versions == ["2"]
    assert download.part.read_bytes() == CONTENT
    assert fetched.source.validator == '"v1"'


async def test_ftp_brings_the_right_bytes_and_the_files_time(anything: Download) -> None:
    async with FTPServer(CONTENT) as server:
        fetched = await anything.fetch(f"ftp://kim:p%40ss@127.0.0.1:{server.port}/folder/file.bin")
    assert anything.part.read_bytes() == CONTENT
    assert (fetched.size, fetched.source.name) == (len(CONTENT), "file.bin")
    assert anything.part.stat().st_mtime == 1606219200  # 2020-11-24 12:00:00 UTC
    assert "PASS p@ss" in server.commands


@pytest.mark.parametrize("rest", [True, False])
async def test_ftp_continues_where_it_broke_off_if_the_server_can(anything: Download, rest: bool) -> None:
    async with FTPServer(CONTENT) as server:
        server.rest = rest
        url, server.cut_after = f"ftp://kim:p%40ss@127.0.0.1:{server.port}/file.bin", 1_000_000
        with pytest.raises(IncompleteBody):
            await anything.fetch(url)
        assert anything.part.read_bytes() == CONTENT[:1_000_000]
        await anything.fetch(url)
    assert anything.part.read_bytes() == CONTENT
    assert "REST 1000000" in server.commands


async def test_a_wrong_ftp_password_is_a_clear_reason(anything: Download) -> None:
    async with FTPServer(CONTENT) as server:
        with pytest.raises(ConnectionFailed) as error:
            await anything.fetch(f"ftp://kim:wrong@127.0.0.1:{server.port}/file.bin")
    assert message_for(error.value) == "the server refused the user or the password"
    assert not error.value.transient


@pytest.mark.parametrize("scheme", ["ftp", "ftps"])
async def test_only_what_the_operator_allows_is_spoken(download: Download, scheme: str) -> None:
    with pytest.raises(InvalidURL, match="only http and https URLs"):
        await download.fetch(f"{scheme}://kim:p%40ss@127.0.0.1/file.bin")


@pytest.mark.parametrize(
    ("verb", "refusal", "message", "is_transient"),
    [
        ("", "421 too many connections", "the server answered 421", True),
        ("USER", "421 too many users", "the server answered 421", True),
        ("RETR", "450 the file is being written", "the server answered 450", True),
        ("RETR", "550 no such file", "the server has no such file", False),
        ("CWD", "550 no such folder", "the server has no such folder", False),
        ("", "500 not for you", "the server answered 500", False),
    ],
)
async def test_what_an_ftp_server_refuses_for_now_is_tried_again(
    anything: Download, verb: str, refusal: str, message: str, is_transient: bool
) -> None:
    async with FTPServer(CONTENT) as server:
        server.refusals[verb] = refusal
        with pytest.raises(DownloadFailed, match=message) as error:
            await anything.fetch(f"ftp://kim:p%40ss@127.0.0.1:{server.port}/folder/file.bin")
    assert error.value.transient == is_transient
