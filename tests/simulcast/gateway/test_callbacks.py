"""What the callbacks may do: be async, raise, and call the Gateway."""

import asyncio
import contextlib
import logging
from collections.abc import Callable

import pytest

from simulcast.gateway import Gateway
from tests.conditions import DEADLINE_S, until
from tests.gateway_server import Heard, Station, event


async def test_async_callbacks_are_awaited_in_order(station: Station) -> None:
    heard = Heard()

    async def on_message(text: str) -> None:
        await asyncio.sleep(0)
        heard.messages.append(text)

    async def on_status(connected: bool) -> None:
        await asyncio.sleep(0)
        heard.statuses.append(connected)

    station.snapshot = [str(number) for number in range(100)]
    async with Gateway(
        "127.0.0.1", station.port, on_websocket_message=on_message, on_websocket_status_change=on_status
    ):
        await until(lambda: len(heard.messages) == 100)
    assert heard.messages == station.snapshot
    assert heard.statuses == [True, False]


def raises(_: object) -> None:
    raise LookupError("of the user's own making")


async def raises_later(_: object) -> None:
    await asyncio.sleep(0)
    raise LookupError("of the user's own making")


async def awaits_what_was_cancelled(_: object) -> None:
    future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    future.cancel()
    await future


@pytest.mark.parametrize("callback", [raises, raises_later, awaits_what_was_cancelled])
async def test_a_raising_callback_harms_nothing(
    station: Station, caplog: pytest.LogCaptureFixture, callback: Callable[[object], object]
) -> None:
    heard = Heard()

    def on_message(text: str) -> object:
        heard.messages.append(text)
        return callback(text)

    def on_status(connected: bool) -> object:
        heard.statuses.append(connected)
        return callback(connected)

    station.snapshot = ["one", "two"]
    async with Gateway(
        "127.0.0.1", station.port, on_websocket_message=on_message, on_websocket_status_change=on_status
    ) as gateway:
        await until(lambda: len(heard.messages) == 2)
        assert gateway.is_websocket_connected
        logged = [record for record in caplog.records if record.levelno == logging.ERROR]
        assert [record.name for record in logged] == ["gateway"] * 3
        assert all(record.exc_info for record in logged)
    assert heard.messages == ["one", "two"]
    assert heard.statuses == [True, False]


async def test_a_callback_may_disconnect_and_gets_nothing_more(station: Station) -> None:
    station.snapshot = [event("7-1"), event("7-2"), event("7-3")]
    gateway = station.gateway()
    heard = Heard().by(gateway)
    states: list[bool] = []

    async def on_message(text: str) -> None:
        heard.messages.append(text)
        if len(heard.messages) == 2:
            await gateway.disconnect_websocket()
            await asyncio.sleep(0)  # what comes after it is not cancelled
            states.append(gateway.is_websocket_connected)

    gateway.on_websocket_message = on_message
    await gateway.init()
    await until(lambda: states)
    await until(lambda: not station.clients)
    assert states == [False]
    assert heard.messages == [event("7-1"), event("7-2")]
    assert heard.statuses == [True, False]
    station.snapshot = [event("7-1"), event("7-2"), event("7-4")]
    await gateway.connect_websocket()
    await until(lambda: len(heard.messages) == 3)
    assert heard.messages[2:] == [event("7-4")]
    await gateway.disconnect_websocket()


async def test_a_callback_may_disconnect_and_connect(station: Station) -> None:
    station.snapshot = [event("7-1"), event("7-2")]
    gateway = station.gateway()
    heard: list[str | bool] = []
    gateway.on_websocket_status_change = heard.append

    async def on_message(text: str) -> None:
        heard.append(text)
        if text == event("7-1"):
            await gateway.disconnect_websocket()
            await gateway.connect_websocket()

    gateway.on_websocket_message = on_message
    await gateway.init()
    await until(lambda: event("7-2") in heard)
    assert heard == [True, event("7-1"), False, True, event("7-2")]
    await gateway.disconnect_websocket()


async def test_a_callback_may_ask_to_reconnect_at_once(station: Station) -> None:
    gateway = Gateway("127.0.0.1", station.port, reconnect_delay_s=3600)
    heard = Heard().by(gateway)

    async def on_status(connected: bool) -> None:
        heard.statuses.append(connected)
        if not connected and len(heard.statuses) < 3:
            assert not await gateway.connect_websocket()

    gateway.on_websocket_status_change = on_status
    await gateway.init()
    await until(lambda: station.clients)
    station.cut()
    await until(lambda: heard.statuses == [True, False, True])
    await gateway.disconnect_websocket()


async def test_a_disconnect_ends_a_callback_that_hangs(station: Station, caplog: pytest.LogCaptureFixture) -> None:
    station.snapshot = ["one"]
    gateway = station.gateway()
    heard = Heard().by(gateway)
    forever = asyncio.Event()

    async def on_message(text: str) -> None:
        heard.messages.append(text)
        await forever.wait()

    gateway.on_websocket_message = on_message
    await gateway.init()
    await until(lambda: heard.messages)
    await gateway.disconnect_websocket()
    assert heard.statuses == [True, False]
    assert caplog.records == []  # being cancelled is no fault of the callback


async def test_a_callback_that_swallows_its_cancellation_is_left_behind(station: Station) -> None:
    station.snapshot = ["one", "two"]
    gateway = station.gateway()
    heard = Heard().by(gateway)
    forever = asyncio.Event()

    async def on_message(text: str) -> None:
        heard.messages.append(text)
        with contextlib.suppress(asyncio.CancelledError):
            await forever.wait()

    gateway.on_websocket_message = on_message
    await gateway.init()
    await until(lambda: heard.messages)
    await asyncio.wait_for(asyncio.gather(gateway.disconnect_websocket(), gateway.connect_websocket()), DEADLINE_S)
    await until(lambda: heard.messages == ["one", "one"])  # on the new connection
    await asyncio.wait_for(gateway.disconnect_websocket(), DEADLINE_S)
    assert heard.messages == ["one", "one"]
    assert heard.statuses == [True, False, True, False]
