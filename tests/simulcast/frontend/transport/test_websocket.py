"""One WebSocket: it handles messages in order, ends when it is to, and leaves nothing behind."""

import asyncio
import gc
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager

import pytest
import uvloop
import websockets

from app.server.server import NOTSENT_BYTES
from simulcast.frontend.transport import outgoing
from simulcast.model.close_codes import Refresh
from tests.conditions import until
from tests.served import Endpoint, hello, masked, served


@asynccontextmanager
async def serving(endpoint: Endpoint) -> AsyncIterator[str]:
    async with served(hello, endpoint) as server:
        yield f"ws://127.0.0.1:{server.config.port}"


@pytest.fixture
def uncollected() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


async def test_what_is_said_is_obeyed_in_order_from_before_the_endpoint_returned_on() -> None:
    endpoint = Endpoint()
    endpoint.release.clear()
    async with serving(endpoint) as url, websockets.connect(url) as client:
        for number in range(50):
            await client.send(str(number))
        await until(lambda: any(one.reading_paused for one in endpoint.connections()), "the reading of the first")
        endpoint.release.set()
        await client.send(b"binary is ignored")
        await client.send("last")
        async with asyncio.timeout(20):
            texts = [await client.recv() for _ in range(51)]
    assert texts == [f"<{text}>" for text in [*range(50), "last"]]


async def test_messages_that_wait_when_a_token_expires_are_dropped() -> None:
    endpoint = Endpoint()
    endpoint.handling.clear()
    async with serving(endpoint) as url, websockets.connect(url, close_timeout=0.1) as client:
        client.transport.write(masked("first") + masked("second") + masked("third"))
        await until(lambda: [connection for connection in endpoint.connections() if connection._messages], "the first")
        (connection,) = endpoint.connections()
        await asyncio.sleep(0)  # the first is being handled
        connection.close_in(0, Refresh.TOKEN_EXPIRED, "the token has expired")
        async with asyncio.timeout(20):
            await client.wait_closed()
        endpoint.handling.set()
        await until(lambda: not connection._is_handling, "the end of the messages")
    assert client.close_code == 4419
    assert endpoint.handled == ["first"]


async def test_commands_of_a_client_whose_token_expires_while_it_joins_are_dropped(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(outgoing, "CLOSE_TIMEOUT_S", 1000.0)
    endpoint = Endpoint()
    endpoint.release.clear()
    async with serving(endpoint) as url, websockets.connect(url, close_timeout=1000) as client:
        for text in ("first", "second"):
            await client.send(text)
        await until(
            lambda: any(connection.reading_paused for connection in endpoint.connections()), "the reading of the first"
        )
        (connection,) = endpoint.connections()
        connection.close_in(0, Refresh.TOKEN_EXPIRED, "the token has expired")
        async with asyncio.timeout(20):
            await client.wait_closed()  # its close frame was read
        endpoint.release.set()
    assert client.close_code == 4419
    assert endpoint.handled == []


async def test_binary_alone_does_not_stop_the_reading() -> None:
    async with serving(Endpoint()) as url, websockets.connect(url) as client:
        await client.send("first")
        async with asyncio.timeout(20):
            assert await client.recv() == "<first>"
            await client.send(b"binary")
            await client.send("second")
            assert await client.recv() == "<second>"


async def test_a_message_that_cannot_be_obeyed_cuts_that_client_alone(caplog: pytest.LogCaptureFixture) -> None:
    async with serving(Endpoint()) as url, websockets.connect(url) as one, websockets.connect(url) as other:
        await one.send("raise")
        async with asyncio.timeout(20):
            with pytest.raises(websockets.ConnectionClosedError):
                await one.recv()
            await other.send("still here")
            assert await other.recv() == "<still here>"
    assert "could not be handled" in caplog.text


async def test_the_kernel_takes_little_for_a_client_that_does_not_read() -> None:
    endpoint = Endpoint()
    async with serving(endpoint) as url, websockets.connect(url):
        (connection,) = endpoint.connections()
        sock = connection.transport.get_extra_info("socket")
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT) == NOTSENT_BYTES
        assert connection.transport.get_write_buffer_limits() == (0, 0)


@pytest.mark.usefixtures("uncollected")
@pytest.mark.parametrize("new_loop", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_lost_connections_leave_no_cycle(new_loop: Callable[[], asyncio.AbstractEventLoop]) -> None:
    endpoint = Endpoint()

    async def come_and_go() -> None:
        async with serving(endpoint) as url:
            for number in range(20):
                client = await websockets.connect(url)
                await client.send("x")
                assert await client.recv() == "<x>"
                client.transport.abort() if number % 2 else await client.close()
            del client
            assert len(endpoint.seen) == 20
            await until(lambda: not endpoint.connections(), "the end of all of them")

    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(come_and_go())
