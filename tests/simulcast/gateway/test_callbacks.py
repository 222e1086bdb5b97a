"""Callbacks may be async, raise, and call the Gateway."""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Generator

import pytest

from simulcast.gateway import ConnectionState, Gateway
from simulcast.gateway.callbacks import call
from tests.conditions import DEADLINE_S, until
from tests.gateway_server import FakeServer, Received, progress_event


async def test_async_callbacks_are_awaited_in_order(fake_server: FakeServer) -> None:
    received = Received()

    async def on_message(text: str) -> None:
        await asyncio.sleep(0)
        received.messages.append(text)

    async def on_status(connected: bool) -> None:
        await asyncio.sleep(0)
        received.statuses.append(connected)

    fake_server.snapshot = [str(number) for number in range(100)]
    async with Gateway(
        "127.0.0.1", fake_server.port, on_websocket_message=on_message, on_websocket_status_change=on_status
    ):
        await until(lambda: len(received.messages) == 100)
    assert received.messages == fake_server.snapshot
    assert received.statuses == [True, False]


def raises(_: object) -> None:
    raise LookupError("of the user's own making")


async def raises_later(_: object) -> None:
    await asyncio.sleep(0)
    raise LookupError("of the user's own making")


async def awaits_what_was_cancelled(_: object) -> None:
    future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    future.cancel()
    await future


class Stop(BaseException):
    """As test tools and frameworks raise, past every `except Exception`."""


def stops(_: object) -> None:
    raise Stop


async def stops_later(_: object) -> None:
    await asyncio.sleep(0)
    raise Stop


async def raises_a_group(_: object) -> None:
    raise BaseExceptionGroup("of the user's own making", [Stop(), LookupError()])


async def exits_as_a_generator(_: object) -> None:
    await asyncio.sleep(0)
    raise GeneratorExit


def raises_a_cancellation(_: object) -> None:
    raise asyncio.CancelledError


class Broken:
    def __await__(self) -> Generator[None]:
        yield
        raise StopAsyncIteration


def returns_what_breaks(_: object) -> Broken:
    return Broken()


@pytest.mark.parametrize(
    "callback",
    [
        raises,
        raises_later,
        awaits_what_was_cancelled,
        stops,
        stops_later,
        raises_a_group,
        exits_as_a_generator,
        raises_a_cancellation,
        returns_what_breaks,
    ],
)
async def test_a_raising_callback_harms_nothing(
    fake_server: FakeServer, caplog: pytest.LogCaptureFixture, callback: Callable[[object], object]
) -> None:
    received = Received()

    def on_message(text: str) -> object:
        received.messages.append(text)
        return callback(text)

    def on_status(connected: bool) -> object:
        received.statuses.append(connected)
        return callback(connected)

    fake_server.snapshot = ["one", "two"]
    async with Gateway(
        "127.0.0.1", fake_server.port, on_websocket_message=on_message, on_websocket_status_change=on_status
    ) as gateway:
        await until(lambda: len(received.messages) == 2)
        assert gateway.is_websocket_connected
        logged = [record for record in caplog.records if record.levelno == logging.ERROR]
        assert [record.name for record in logged] == ["simulcast.gateway"] * 3
        assert all(record.exc_info for record in logged)
    assert received.messages == ["one", "two"]
    assert received.statuses == [True, False]


@pytest.mark.parametrize("end", [KeyboardInterrupt, SystemExit])
def test_an_end_of_the_program_in_a_callback_ends_it(end: type[BaseException]) -> None:
    def on_state(_: ConnectionState) -> None:
        raise end

    async def program() -> None:
        absent = FakeServer()
        try:
            gateway = absent.gateway()
            gateway.on_state_change = on_state
            await gateway.init()
            await asyncio.Event().wait()
        finally:
            await absent.gone()

    with pytest.raises(end):
        asyncio.run(asyncio.wait_for(program(), DEADLINE_S))


def test_a_loop_that_ends_without_a_disconnect_leaves_no_callback_behind(caplog: pytest.LogCaptureFixture) -> None:
    """The coroutine of a callback is closed from outside, by GeneratorExit, and must not go on."""

    async def hang(_: object) -> None:
        await asyncio.Event().wait()

    async def closed_while_it_hangs() -> None:
        coroutine = call("on_state_change", hang, None)
        task = asyncio.create_task(coroutine)
        await asyncio.sleep(0)
        coroutine.close()
        await asyncio.wait([task], timeout=0)
        task.cancel()
        with pytest.raises(RuntimeError, match="already awaited"):
            await task

    asyncio.run(closed_while_it_hangs())
    assert "raised" not in caplog.text


@pytest.mark.parametrize("error", [Stop(), asyncio.CancelledError(), GeneratorExit(), LookupError()])
async def test_a_token_function_that_raises_fails_the_attempt_only(
    fake_server: FakeServer, error: BaseException
) -> None:
    errors = [error]

    def token() -> str:
        if errors:
            raise errors.pop()
        return "a.b.c"

    url = f"ws://127.0.0.1:{fake_server.port}/ws"
    async with Gateway(url=url, token=token, reconnect_delay_s=0.01) as gateway:
        await until(lambda: gateway.is_websocket_connected)


async def test_a_callback_may_disconnect_and_gets_nothing_more(fake_server: FakeServer) -> None:
    fake_server.snapshot = [progress_event("7-1"), progress_event("7-2"), progress_event("7-3")]
    gateway = fake_server.gateway()
    received = Received().by(gateway)
    states: list[bool] = []

    async def on_message(text: str) -> None:
        received.messages.append(text)
        if len(received.messages) == 2:
            await gateway.disconnect_websocket()
            await asyncio.sleep(0)  # what comes after it is not cancelled
            states.append(gateway.is_websocket_connected)

    gateway.on_websocket_message = on_message
    await gateway.init()
    await until(lambda: states)
    await until(lambda: not fake_server.clients)
    assert states == [False]
    assert received.messages == [progress_event("7-1"), progress_event("7-2")]
    assert received.statuses == [True, False]
    fake_server.snapshot = [progress_event("7-1"), progress_event("7-2"), progress_event("7-4")]
    await gateway.connect_websocket()
    await until(lambda: len(received.messages) == 3)
    assert received.messages[2:] == [progress_event("7-4")]
    await gateway.disconnect_websocket()


async def test_a_callback_may_disconnect_and_connect(fake_server: FakeServer) -> None:
    fake_server.snapshot = [progress_event("7-1"), progress_event("7-2")]
    gateway = fake_server.gateway()
    received: list[str | bool] = []
    gateway.on_websocket_status_change = received.append

    async def on_message(text: str) -> None:
        received.append(text)
        if text == progress_event("7-1"):
            await gateway.disconnect_websocket()
            await gateway.connect_websocket()

    gateway.on_websocket_message = on_message
    await gateway.init()
    await until(lambda: progress_event("7-2") in received)
    assert received == [True, progress_event("7-1"), False, True, progress_event("7-2")]
    await gateway.disconnect_websocket()


async def test_a_callback_may_ask_to_reconnect_at_once(fake_server: FakeServer) -> None:
    gateway = Gateway("127.0.0.1", fake_server.port, reconnect_delay_s=3600)
    received = Received().by(gateway)

    async def on_status(connected: bool) -> None:
        received.statuses.append(connected)
        if not connected and len(received.statuses) < 3:
            assert not await gateway.connect_websocket()

    gateway.on_websocket_status_change = on_status
    await gateway.init()
    await until(lambda: fake_server.clients)
    fake_server.cut()
    await until(lambda: received.statuses == [True, False, True])
    await gateway.disconnect_websocket()


async def test_a_disconnect_ends_a_callback_that_hangs(
    fake_server: FakeServer, caplog: pytest.LogCaptureFixture
) -> None:
    fake_server.snapshot = ["one"]
    gateway = fake_server.gateway()
    received = Received().by(gateway)
    forever = asyncio.Event()

    async def on_message(text: str) -> None:
        received.messages.append(text)
        await forever.wait()

    gateway.on_websocket_message = on_message
    await gateway.init()
    await until(lambda: received.messages)
    await gateway.disconnect_websocket()
    assert received.statuses == [True, False]
    assert caplog.records == []  # being cancelled is no fault of the callback


async def test_a_callback_that_swallows_its_cancellation_is_left_behind(fake_server: FakeServer) -> None:
    fake_server.snapshot = ["one", "two"]
    gateway = fake_server.gateway()
    received = Received().by(gateway)
    forever = asyncio.Event()

    async def on_message(text: str) -> None:
        received.messages.append(text)
        with contextlib.suppress(asyncio.CancelledError):
            await forever.wait()

    gateway.on_websocket_message = on_message
    await gateway.init()
    await until(lambda: received.messages)
    await asyncio.wait_for(asyncio.gather(gateway.disconnect_websocket(), gateway.connect_websocket()), DEADLINE_S)
    await until(lambda: received.messages == ["one", "one"])  # on the new connection
    await asyncio.wait_for(gateway.disconnect_websocket(), DEADLINE_S)
    assert received.messages == ["one", "one"]
    assert received.statuses == [True, False, True, False]
