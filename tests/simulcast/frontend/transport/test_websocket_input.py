"""A client's messages are bounded: in number, in size, and in their consequences."""

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from sys import getsizeof

import pytest
import websockets
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from simulcast.frontend.transport import websocket
from simulcast.frontend.transport.message_parser import FRAGMENTS_PER_MESSAGE
from simulcast.frontend.transport.rate_limit import BURST, MAX_QUEUED_COMMANDS, MAX_REJECTED_COMMANDS, RateLimiter
from simulcast.frontend.transport.websocket import WebSocketConnection
from simulcast.model.close_codes import Reconnect
from tests.conditions import until
from tests.served import HANDSHAKE, Endpoint, hello, served


@asynccontextmanager
async def joined(endpoint: Endpoint) -> AsyncIterator[tuple[ClientConnection, WebSocketConnection]]:
    """Yield a client, and the server's side of it once its endpoint has returned."""
    async with served(hello, endpoint) as server, websockets.connect(f"ws://127.0.0.1:{server.config.port}") as client:
        await client.send("joined")
        assert await client.recv() == "<joined>"
        (connection,) = endpoint.connections()
        yield client, connection
        await client.close()


def frame(opcode: int, payload: bytes = b"", fin: bool = True) -> bytes:
    """Return one frame as a client sends it, masked with zeros (RFC 6455 §5.2)."""
    assert len(payload) < 126
    return bytes([opcode | (0x80 if fin else 0), 0x80 | len(payload)]) + bytes(4) + payload


async def test_a_close_between_fragments_is_answered_as_any_other() -> None:
    async with joined(Endpoint()) as (client, _):
        client.transport.write(frame(1, b"half", fin=False) + frame(8, (1000).to_bytes(2)))
        async with asyncio.timeout(20):
            with pytest.raises(ConnectionClosed) as closed:
                await client.recv()
        assert closed.value.rcvd is not None and closed.value.rcvd.code == 1000


async def test_fragments_are_one_buffer_however_many_they_are_and_empty_ones_nothing() -> None:
    async with joined(Endpoint()) as (client, connection):
        client.transport.write(frame(1, b"a", fin=False) + frame(0, b"", fin=False) * 1000 + frame(0, b"b", fin=False))
        await until(lambda: connection._parser and connection._parser._message == b"ab", "the fragments")
        client.transport.write(frame(0, b"c"))
        async with asyncio.timeout(20):
            assert await client.recv() == "<abc>"


async def test_who_pings_and_does_not_read_fills_no_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(RateLimiter, "allow", lambda limiter, now: True)
    endpoint = Endpoint()
    async with served(hello, endpoint) as server:
        with socket.socket() as pinging:
            pinging.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            pinging.connect(("127.0.0.1", server.config.port))
            pinging.sendall(HANDSHAKE + b"\r\n")
            await until(endpoint.connections, "the endpoint")
            (connection,) = endpoint.connections()
            pinging.setblocking(False)
            for _ in range(500):
                await asyncio.get_running_loop().sock_sendall(pinging, frame(9, b"x" * 125) * 1000)
            assert connection.transport.get_write_buffer_size() < 1_000_000


async def test_a_script_that_awaits_its_answers_is_slowed_down_and_not_refused() -> None:
    async with joined(Endpoint()) as (client, _):
        async with asyncio.timeout(60):
            for number in range(BURST + 30):
                await client.send(str(number))
                assert await client.recv() == f"<{number}>"


async def test_what_comes_too_fast_to_wait_is_refused_and_its_client_told_so() -> None:
    async with joined(Endpoint()) as (client, _):
        client.transport.write(frame(1, b"x") * (BURST + MAX_QUEUED_COMMANDS + 200))
        texts: list[str] = []
        async with asyncio.timeout(60):
            while len(texts) < MAX_QUEUED_COMMANDS:
                texts.append(str(await client.recv()))
        errors = [json.loads(text) for text in texts if text != "<x>"]
        assert {(answer["type"], answer["code"]) for answer in errors} == {("error", "rate_limited")}
        async with asyncio.timeout(60):
            await client.send("and then")
            while await client.recv() != "<and then>":
                pass


async def test_texts_that_wait_are_bounded_in_sum_and_one_of_each_client_is_taken(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(websocket, "MAX_WAITING_BYTES", 1000)
    endpoint = Endpoint()
    endpoint.handling.clear()
    async with served(hello, endpoint) as server, contextlib.AsyncExitStack() as stack:
        url = f"ws://127.0.0.1:{server.config.port}"
        clients = [await stack.enter_async_context(websockets.connect(url)) for _ in range(3)]
        for client in clients:
            client.transport.write(frame(1, b"x" * 100) * 20)
            assert "rate_limited" in str(await client.recv())
        first = endpoint.connections()[0]
        size = getsizeof("x" * 100)
        assert 1000 - 2 * size <= first._server.waiting_bytes <= 1000 + len(clients) * size
        endpoint.handling.set()
        for client in clients:
            assert await client.recv() == f"<{'x' * 100}>"
        await until(lambda: first._server.waiting_bytes == 0, "the end of what waited")
        endpoint.handling.clear()
        clients[0].transport.write(frame(1, b"y" * 100) * 5)
        await until(lambda: first._server.waiting_bytes, "texts that wait again")
        clients[0].transport.abort()
        endpoint.handling.set()
        await until(lambda: first._server.waiting_bytes == 0, "the end of what a lost client sent")


@pytest.mark.parametrize(
    "flood",
    [
        pytest.param(frame(1, b"x"), id="texts"),
        pytest.param(frame(2, b"x"), id="binary"),
        pytest.param(frame(9), id="pings"),
        pytest.param(frame(10), id="empty pongs"),
        pytest.param(frame(10, b"x"), id="pongs"),
        pytest.param(frame(0, fin=False) * FRAGMENTS_PER_MESSAGE, id="fragments"),
    ],
)
async def test_who_goes_on_all_the_same_is_closed_with_1008_and_the_others_stay(flood: bytes) -> None:
    endpoint = Endpoint()
    async with joined(endpoint) as (client, connection):
        other = await websockets.connect(f"ws://127.0.0.1:{client.remote_address[1]}")
        beginning = frame(1, fin=False) if flood[0] == 0 else b""
        client.transport.write(beginning + flood * (BURST + MAX_QUEUED_COMMANDS + 2 * MAX_REJECTED_COMMANDS))
        async with asyncio.timeout(20):
            with pytest.raises(ConnectionClosed) as closed:
                await _all_of_it(client)
        assert closed.value.rcvd is not None and closed.value.rcvd.code == 1008
        await until(lambda: connection.transport.is_closing(), "the end of the connection")
        await other.send("still here")
        async with asyncio.timeout(20):
            assert await other.recv() == "<still here>"
        await other.close()


async def test_a_client_that_is_ended_is_told_why_and_one_that_cannot_be_told_is_cut() -> None:
    async with joined(Endpoint()) as (client, connection):
        connection.close(Reconnect.SERVICE_RESTART, "reconnect")
        connection.close(Reconnect.SERVICE_RESTART, "reconnect")
        async with asyncio.timeout(20):
            with pytest.raises(ConnectionClosed) as closed:
                await client.recv()
        assert closed.value.rcvd is not None and closed.value.rcvd.code == Reconnect.SERVICE_RESTART
    async with joined(Endpoint()) as (client, connection):
        client.transport.pause_reading()
        await until(lambda: _is_full(connection), "a full socket")
        connection.close(Reconnect.SERVICE_RESTART, "reconnect")
        assert connection.transport.is_closing()
        await until(lambda: connection.transport.is_closing(), "the cut")
        with contextlib.suppress(ConnectionClosed):
            client.transport.abort()


async def _all_of_it(client: ClientConnection) -> None:
    while True:
        await client.recv()


def _is_full(connection: WebSocketConnection) -> bool:
    connection.write(frame(2, b"x" * 100) * 10_000)
    return not connection.has_room
