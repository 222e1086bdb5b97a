"""An endpoint that has returned: its connection stays, handles messages in order, and leaves nothing behind."""

import asyncio
import gc
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager

import pytest
import uvicorn
import uvloop
import websockets

from simulcast.frontend.transport.message_queue import MessageQueue
from simulcast.frontend.transport.progress import NOTSENT_BYTES
from simulcast.frontend.transport.websocket import SimulcastWebSocketProtocol
from tests.conditions import until
from tests.ports import free_port
from tests.served import Endpoint


@asynccontextmanager
async def serving(endpoint: Endpoint) -> AsyncIterator[str]:
    port = free_port()
    config = uvicorn.Config(endpoint, port=port, ws=SimulcastWebSocketProtocol, lifespan="off", log_config=None)
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve())
    await until(lambda: server.started, "the start")
    try:
        yield f"ws://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        await task


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
        await until(lambda: all(protocol.read_paused for protocol in endpoint.protocols()), "the reading of the first")
        endpoint.release.set()
        await client.send(b"binary is ignored")
        await client.send("last")
        async with asyncio.timeout(20):
            texts = [await client.recv() for _ in range(51)]
    assert texts == [f"<{text}>" for text in [*range(50), "last"]]


async def test_messages_that_wait_when_a_token_expires_are_dropped() -> None:
    endpoint = Endpoint()
    async with serving(endpoint) as url, websockets.connect(url) as client:
        await client.send("first")
        async with asyncio.timeout(20):
            assert await client.recv() == "<first>"
        (protocol,) = endpoint.protocols()
        messages = protocol.queue
        assert isinstance(messages, MessageQueue)
        endpoint.handling.clear()
        for text in ("second", "third", "fourth"):
            messages.put_nowait({"type": "websocket.receive", "text": text})
        await asyncio.sleep(0)  # the second is being handled
        protocol.expire_in(0)
        async with asyncio.timeout(20):
            await client.wait_closed()
        messages.put_nowait({"type": "websocket.receive", "text": "fifth"})
        endpoint.handling.set()
        await until(lambda: not messages.is_busy, "the end of the messages")
    assert client.close_code == 4419
    assert endpoint.handled == ["first", "second"]


async def test_commands_of_a_client_whose_token_expires_while_it_joins_are_dropped() -> None:
    endpoint = Endpoint()
    endpoint.release.clear()
    async with serving(endpoint) as url, websockets.connect(url, close_timeout=30) as client:
        for text in ("first", "second"):
            await client.send(text)
        await until(lambda: all(protocol.read_paused for protocol in endpoint.protocols()), "the reading of the first")
        (protocol,) = endpoint.protocols()
        protocol.expire_in(0)
        await until(lambda: protocol.close_sent, "the close frame")
        timer = protocol.close_timer
        endpoint.release.set()
        async with asyncio.timeout(20):
            await client.wait_closed()
        assert timer is not None and timer.cancelled(), "the client's close frame was read"
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
        (protocol,) = endpoint.protocols()
        sock = protocol.transport.get_extra_info("socket")
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT) == NOTSENT_BYTES
        assert protocol.transport.get_write_buffer_limits() == (0, 0)


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
            await until(lambda: not endpoint.protocols(), "the end of all of them")
            await until(lambda: all(part() is None for part in endpoint.parts), "the end of their parsers")

    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(come_and_go())
