"""Requests that follow one another on one connection, and handshakes among them."""

import asyncio
import contextlib
import socket
from typing import Any, cast

import pytest

from app.server import connection
from app.server.http import LentTransport
from simulcast.frontend.fanout.frames import text_frame
from simulcast.frontend.transport import outgoing
from simulcast.frontend.transport.handshake import Handshake
from tests.conditions import until
from tests.served import HANDSHAKE, REQUEST, Endpoint, hello, masked, rest, served


async def read_response(reader: asyncio.StreamReader) -> bytes:
    """Return one response of `hello`, head and body."""
    async with asyncio.timeout(20):
        return await reader.readuntil(b"hello")


async def test_a_connection_serves_requests_with_bodies_and_then_a_websocket(monkeypatch: pytest.MonkeyPatch) -> None:
    closed: list[bool] = []
    close = LentTransport.close

    def watch_close(transport: LentTransport) -> None:
        closed.append(transport.is_taken_back)
        close(transport)

    monkeypatch.setattr(LentTransport, "close", watch_close)
    endpoint = Endpoint()
    async with served(hello, endpoint, timeout_keep_alive=1) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.config.port)
        for parts in ([REQUEST + b"\r\n"], [REQUEST.replace(b"GET", b"POST") + b"Content-Length: 4\r\n\r\nha", b"lf"]):
            for part in parts:
                writer.write(part)
                await writer.drain()
                await asyncio.sleep(0)
            assert b"connection: close" not in await read_response(reader)
        writer.write(HANDSHAKE[:50])
        await asyncio.sleep(0)
        writer.write(HANDSHAKE[50:] + b"\r\n" + masked("x"))
        async with asyncio.timeout(20):
            assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 101 ")
            assert await reader.readexactly(5) == text_frame(b"<x>")
            await until(lambda: closed, "the end of uvicorn's own timeout")
            writer.write(masked("y"))
            assert await reader.readexactly(5) == text_frame(b"<y>")
        assert closed == [True]
        assert len(server.server_state.connections) == 1
        writer.close()
        await until(lambda: not server.server_state.connections, "the end")


@pytest.mark.parametrize(
    "request_text",
    [
        pytest.param(REQUEST + b"\r\n" + REQUEST + b"\r\n", id="before it is due"),
        pytest.param(REQUEST + b"\r\n" + HANDSHAKE + b"\r\n", id="a handshake before it is due"),
        pytest.param(
            REQUEST.replace(b"GET", b"POST") + b"Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n", id="in chunks"
        ),
        pytest.param(REQUEST.replace(b"\r\n", b"\n") + b"\n", id="with bare line feeds"),
    ],
)
async def test_behind_a_request_whose_end_is_not_known_the_connection_is_closed(request_text: bytes) -> None:
    async with served(hello) as server:
        said = await rest(server, request_text)
        assert said.startswith(b"HTTP/1.1 200 ") and b"connection: close" in said
        assert said.count(b"HTTP/1.1") == 1


async def test_a_request_behind_a_response_that_lasts_is_cut_when_it_is_late(monkeypatch: pytest.MonkeyPatch) -> None:
    async def endpoint(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await answering.wait()
        await send({"type": "http.response.body", "body": b"the end"})

    answering = asyncio.Event()
    async with served(endpoint, timeout_keep_alive=600) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.config.port)
        writer.write(REQUEST + b"\r\n")
        async with asyncio.timeout(20):
            await reader.readuntil(b"\r\n\r\n")
            monkeypatch.setattr(connection, "HEADER_TIMEOUT_S", 0.3)
            writer.write(b"G")
            (protocol,) = server.server_state.connections
            exchange = cast(connection.Connection, protocol.transport.get_protocol())._requests.exchange  # type: ignore[union-attr]
            await until(lambda: exchange.closes, "the beginning of the next request")
            answering.set()
            await reader.readuntil(b"the end")
            with contextlib.suppress(ConnectionError):
                while not reader.at_eof():
                    writer.write(b"E")
                    await writer.drain()
                    await asyncio.sleep(0.02)
        writer.close()


async def test_an_absolute_target_reaches_the_application_as_a_path() -> None:
    seen: list[tuple[str, bytes]] = []

    async def endpoint(scope: Any, receive: Any, send: Any) -> None:
        seen.append((scope["path"], dict(scope["headers"])[b"host"]))
        await hello(scope, receive, send)

    async with served(endpoint) as server:
        text = b"GET http://example.com/a HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        assert (await rest(server, text)).startswith(b"HTTP/1.1 200 ")
    assert seen == [("/a", b"example.com")]


@pytest.mark.parametrize(
    ("old", "new", "status"),
    [
        (b"version: 13", b"version: 8", 426),
        (b"dGhlIHNhbXBsZSBub25jZQ==", b"dGhlIHNhbXBsZQ==", 400),
        (b"dGhlIHNhbXBsZSBub25jZQ==", b"?", 400),
        (b"sec-websocket-key", b"sec-websocket-kay", 400),
    ],
)
async def test_a_handshake_that_is_none_is_refused_with_the_reason(old: bytes, new: bytes, status: int) -> None:
    async with served(hello, Endpoint()) as server:
        said = await rest(server, HANDSHAKE.replace(old, new) + b"\r\n")
        assert said.startswith(b"HTTP/1.1 %d " % status) and b'{"detail":"' in said


async def test_an_endpoint_that_fails_costs_its_connection(caplog: pytest.LogCaptureFixture) -> None:
    def fail(handshake: Handshake) -> None:
        raise LookupError("injected")

    async with served(hello, fail) as server:
        assert await rest(server, HANDSHAKE + b"\r\n") == b""
        assert (await rest(server, REQUEST + b"Connection: close\r\n\r\n")).endswith(b"hello")
    assert "injected" in caplog.text


async def test_a_size_of_thousands_of_digits_is_refused(caplog: pytest.LogCaptureFixture) -> None:
    post = REQUEST.replace(b"GET", b"POST") + b"Content-Length: "
    async with served(hello) as server:
        assert (await rest(server, post + b"9" * 5000 + b"\r\n\r\n")).startswith(b"HTTP/1.1 400 ")
    assert "Traceback" not in caplog.text


async def test_a_refused_handshake_behind_a_response_that_was_not_read_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    async def endpoint(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"30000")]})
        await send({"type": "http.response.body", "body": b"x" * 30_000})
        responses.append(scope["path"])

    monkeypatch.setattr(outgoing, "CLOSE_TIMEOUT_S", 0.3)
    responses: list[str] = []
    async with served(endpoint, timeout_keep_alive=600) as server:
        with socket.socket() as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            client.connect(("127.0.0.1", server.config.port))
            while not any(each.transport.get_write_buffer_size() for each in server.server_state.connections):
                number = len(responses)
                client.sendall(REQUEST + b"\r\n")
                await until(lambda number=number: len(responses) > number, "the response")  # type: ignore[misc]
            client.sendall(HANDSHAKE + b"\r\n")
            await until(lambda: not server.server_state.connections, "the cut", 10)
