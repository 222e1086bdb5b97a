"""A file on its way to one client: who never reads is cut, and nothing of it stays."""

import asyncio
import os
import re
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
import uvicorn

from app.routes import files
from app.routes.byte_range import RangeResponse
from app.routes.file_store import open_file
from app.routes.files import FileBody, attachment, wait_for_shutdown
from app.server import connection
from tests.conditions import until
from tests.served import REQUEST, served

SIZE = 100_000_000  # more than both ends' sockets hold


@asynccontextmanager
async def serving(path: Path, ending: asyncio.Event) -> AsyncIterator[uvicorn.Server]:
    """Every answer of the server is the file."""

    async def endpoint(scope: Any, receive: Any, send: Any) -> None:
        size = path.stat().st_size
        opened = open_file(path.parent, path.name, size)
        await FileBody(opened, RangeResponse(200, 0, size), {}, [partial(wait_for_shutdown, ending)])(
            scope, receive, send
        )

    async with served(endpoint) as server:
        yield server


def is_idle(server: uvicorn.Server) -> bool:
    return not server.server_state.connections and not server.server_state.tasks


def connect_and_request(server: uvicorn.Server) -> socket.socket:
    client = socket.create_connection(("127.0.0.1", server.config.port))
    client.sendall(REQUEST + b"\r\n")
    return client


@pytest.fixture
def large(tmp_path: Path) -> Path:
    """It takes no room: there is nothing in it."""
    path = tmp_path / "large"
    with path.open("wb") as made:
        made.truncate(SIZE)
    return path


def descriptors_of(path: Path) -> int:
    return [str(link.resolve()) for link in Path("/proc/self/fd").iterdir()].count(str(path))


async def test_a_reader_that_never_reads_is_cut_and_the_others_get_their_file_meanwhile(
    large: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "WRITE_TIMEOUT_S", 1.0)
    async with serving(large, asyncio.Event()) as server:
        with connect_and_request(server):
            await until(lambda: descriptors_of(large) == 1, "the response")
            reader, writer = await asyncio.open_connection("127.0.0.1", server.config.port)
            writer.write(REQUEST + b"Connection: close\r\n\r\n")
            head = await reader.readuntil(b"\r\n\r\n")
            assert b"content-length: 100000000" in head
            received = 0
            while part := await reader.read(1 << 20):
                received += len(part)
            assert received == SIZE
            writer.close()
            await until(lambda: is_idle(server), "the cut")
        assert descriptors_of(large) == 0


async def test_a_file_is_not_read_on_for_a_client_that_is_gone(large: Path) -> None:
    os.truncate(large, 1 << 40)  # nobody reads that much within a test
    async with serving(large, asyncio.Event()) as server:
        with connect_and_request(server):
            await until(lambda: descriptors_of(large) == 1, "the response")
        await until(lambda: is_idle(server) and descriptors_of(large) == 0, "its end")


async def test_what_is_under_way_is_cut_a_while_after_the_process_was_told_to_end(
    large: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "SHUTDOWN_GRACE_S", 0.0)
    ending = asyncio.Event()
    async with serving(large, ending) as server:
        with connect_and_request(server):
            await until(lambda: descriptors_of(large) == 1, "the response")
            ending.set()
            await until(lambda: is_idle(server) and descriptors_of(large) == 0, "the cut")


async def test_a_file_that_became_shorter_is_not_taken_for_a_whole_one(large: Path) -> None:
    async with serving(large, asyncio.Event()) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.config.port)
        writer.write(REQUEST + b"\r\n")
        assert b"content-length: 100000000" in await reader.readuntil(b"\r\n\r\n")
        with large.open("rb+") as changed:
            changed.truncate(SIZE // 2)
        with pytest.raises((asyncio.IncompleteReadError, ConnectionResetError)):
            await reader.readexactly(SIZE)
        writer.close()


@pytest.mark.parametrize(
    "name",
    [
        "a.iso",
        'a"; filename="b.exe',
        "a\r\nSet-Cookie: x",
        "naïve – 日本.pdf",
        "a%0d%0ab",
        "a\\b",
        "50 % (1)",
        "\udcff",
        "'",
    ],
)
def test_a_name_can_not_break_out_of_its_header(name: str) -> None:
    header = attachment(name)
    found = re.fullmatch(
        r"attachment; filename=\"([A-Za-z0-9 ._+()-]*)\"; filename\*=UTF-8''([A-Za-z0-9%!#$&+.^_`|~-]*)", header
    )
    assert found is not None, header
    assert len(found[1]) == len(name)
    assert unquote(found[2]) == name.replace("\udcff", "?")
