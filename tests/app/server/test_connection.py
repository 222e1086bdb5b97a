"""Requests and handshakes on one connection, each with a time and a size in which to arrive and to be read."""

import asyncio
import contextlib
import math
import socket
from typing import Any, cast

import pytest
import uvicorn

from app.server import connection, unread
from app.server.connection import Connection
from simulcast.frontend.fanout.frames import text_frame
from simulcast.frontend.transport.asgi import http_transport
from simulcast.frontend.transport.batch_writers import SSEWriter
from simulcast.frontend.transport.handshake import Handshake
from simulcast.frontend.transport.sse_encoder import SSEEncoder
from tests.conditions import until
from tests.served import HANDSHAKE, REQUEST, hello, rest, served


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HEADER_TIMEOUT_S", "BODY_TIMEOUT_S", "WRITE_TIMEOUT_S"):
        monkeypatch.setattr(connection, name, 0.3)


@pytest.mark.usefixtures("hasty")
async def test_half_a_head_is_cut_with_408() -> None:
    async with served(hello) as server:
        assert (await rest(server, REQUEST)).startswith(b"HTTP/1.1 408 ")
        assert (await rest(server, HANDSHAKE)).startswith(b"HTTP/1.1 408 ")
        await until(lambda: not server.server_state.connections, "the end of both")


@pytest.mark.usefixtures("hasty")
async def test_who_never_says_anything_is_cut_without_a_word() -> None:
    async with served(hello) as server:
        assert await rest(server) == b""


@pytest.mark.usefixtures("hasty")
@pytest.mark.parametrize("before", [b"", REQUEST + b"\r\n"], ids=["the first request", "the second one"])
async def test_who_says_a_byte_now_and_then_is_cut_all_the_same(before: bytes) -> None:
    async with served(hello) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.config.port)
        writer.write(before + b"G")
        with contextlib.suppress(ConnectionError):
            while not reader.at_eof() and b"408" not in reader._buffer:  # type: ignore[attr-defined]
                writer.write(b"E")
                await writer.drain()
                await asyncio.sleep(0.05)
        await until(lambda: not server.server_state.connections, "the cut")
        writer.close()


@pytest.mark.usefixtures("hasty")
async def test_half_a_body_is_cut_with_408_and_its_endpoint_learns_of_it() -> None:
    told: list[str] = []

    async def endpoint(scope: Any, receive: Any, send: Any) -> None:
        while told[-1:] != ["http.disconnect"]:
            told.append((await receive())["type"])

    async with served(endpoint) as server:
        said = await rest(server, b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\nhalf")
        assert said.startswith(b"HTTP/1.1 408 ")
        await until(lambda: told == ["http.request", "http.disconnect"], "the endpoint's end")


async def test_a_response_that_lasts_is_no_request_that_is_late() -> None:
    async def endpoint(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await until(lambda: not any(map(has_deadline, server.server_state.connections)), "the end of the deadline")
        await send({"type": "http.response.body", "body": b"the end"})

    def has_deadline(connection: Any) -> bool:
        return cast(Connection, connection.transport.get_protocol())._read_by < math.inf

    async with served(endpoint) as server:
        assert b"the end" in await rest(server, REQUEST + b"Connection: close\r\n\r\n")


async def test_a_response_that_lasted_leaves_no_connection_behind() -> None:
    async def endpoint(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"connection", b"close")]})
        await ended.wait()
        await send({"type": "http.response.body", "body": b"the end"})

    ended = asyncio.Event()
    async with served(endpoint, timeout_keep_alive=600) as server:
        reading = asyncio.create_task(rest(server, REQUEST + b"\r\n"))
        await until(lambda: server.server_state.connections, "the response")
        ended.set()
        assert b"the end" in await reading
        await _gone(server)


@pytest.mark.parametrize(
    "head",
    [
        pytest.param([REQUEST + b"x: " + b"x" * 20_000 + b"\r\n\r\n"], id="long, in one piece"),
        pytest.param([REQUEST + b"x: ", b"x" * 10_000, b"x" * 10_000], id="long, in pieces"),
        pytest.param([REQUEST + b"x: x\r\n" * 100 + b"\r\n"], id="many headers"),
        pytest.param([HANDSHAKE + b"x: x\r\n" * 100 + b"\r\n"], id="a handshake of many headers"),
        pytest.param([HANDSHAKE + b"x: " + b"x" * 20_000 + b"\r\n\r\n"], id="a handshake with a long line"),
    ],
)
async def test_a_head_that_is_too_large_is_refused_with_431(head: list[bytes]) -> None:
    async with served(hello) as server:
        assert (await rest(server, *head)).startswith(b"HTTP/1.1 431 ")


async def test_what_is_no_request_is_400() -> None:
    async with served(hello) as server:
        assert (await rest(server, b"hello\r\n\r\n")).startswith(b"HTTP/1.1 400 ")
        chunk = b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
        assert (await rest(server, chunk, b"not hexadecimal\r\n")).startswith(b"HTTP/1.1 400 ")


@pytest.mark.usefixtures("hasty")
@pytest.mark.parametrize("ends", [True, False])
async def test_a_response_that_nobody_reads_is_cut(ends: bool) -> None:
    async def endpoint(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"x" * 50_000_000, "more_body": not ends})
        while not ends and (await receive())["type"] != "http.disconnect":
            pass

    async with served(endpoint) as server:
        with socket.socket() as idle:
            idle.connect(("127.0.0.1", server.config.port))
            idle.sendall(REQUEST + b"\r\n")
            await until(lambda: server.server_state.connections, "the connection")
            await until(lambda: not server.server_state.connections, "the cut")


async def test_of_responses_that_nobody_reads_those_that_waited_longest_are_cut_beyond_a_bound_in_sum(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(unread, "MAX_UNREAD_BYTES", 30_000_000)

    async def endpoint(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"x" * 20_000_000})

    async with served(endpoint) as server, contextlib.AsyncExitStack() as stack:
        for _ in range(5):
            idle = stack.enter_context(socket.socket())
            idle.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            idle.connect(("127.0.0.1", server.config.port))
            idle.sendall(REQUEST + b"\r\n")
            newest = idle.getsockname()[1]
            await until(lambda newest=newest: newest in _full(server), "the full socket")  # type: ignore[misc]
            assert sum(_full(server).values()) <= 30_000_000
        assert list(_full(server)) == [newest]
        assert isinstance(server.config.http, type) and issubclass(server.config.http, Connection)
        unread_responses = server.config.http.context.unread
    assert not unread_responses._bytes


async def test_behind_a_response_that_was_not_read_no_websocket_is_opened() -> None:
    async def endpoint(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"20000000")]})
        await send({"type": "http.response.body", "body": b"x" * 20_000_000})

    opened: list[Handshake] = []
    async with served(endpoint, opened.append) as server:
        with socket.socket() as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            client.connect(("127.0.0.1", server.config.port))
            client.sendall(REQUEST + b"\r\n")
            await until(lambda: _full(server), "the full socket")
            client.sendall(HANDSHAKE + b"\r\n")
            client.setblocking(False)
            received = bytearray()
            while chunk := await asyncio.get_running_loop().sock_recv(client, 1_000_000):
                received += chunk
    assert b"HTTP/1.1 400 " in received[20_000_000:]
    assert opened == []


def _full(server: uvicorn.Server) -> dict[int, int]:
    """Return the bytes that wait for each client, by its port."""
    transports = [connection.transport for connection in server.server_state.connections]
    sizes = {transport.get_extra_info("peername")[1]: transport.get_write_buffer_size() for transport in transports}
    return {port: size for port, size in sizes.items() if size}


async def test_who_never_reads_can_be_cut() -> None:
    outlets: list[SSEWriter] = []

    async def endpoint(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        outlet = SSEWriter(send, SSEEncoder(False, {}), http_transport(scope))
        outlets.append(outlet)
        await outlet.pump()

    async with served(endpoint) as server:
        with socket.socket() as idle:
            idle.connect(("127.0.0.1", server.config.port))
            idle.sendall(REQUEST + b"\r\n")
            await until(lambda: outlets, "the response")
            await _fill(outlets[0])
            outlets[0].abort()
            await _gone(server)


async def _fill(outlet: SSEWriter) -> None:
    with contextlib.suppress(TimeoutError):
        for _ in range(100):
            outlet.write(text_frame(b"x" * 1_000_000))
            async with asyncio.timeout(1):
                await outlet.drained.wait()
    assert not outlet.drained.is_set(), "100 MB went into a socket that nobody reads"


async def _gone(server: uvicorn.Server) -> None:
    await until(lambda: not server.server_state.connections, "the cut")
    await until(lambda: not server.server_state.tasks, "the endpoint's end")
