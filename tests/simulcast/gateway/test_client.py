"""Connecting, hearing, sending and disconnecting, as the Flutter class does."""

import asyncio
import json
import logging
from types import MappingProxyType

import pytest

from simulcast.gateway import Gateway, Limits
from tests.conditions import until
from tests.gateway_server import Heard, Station, event


async def test_it_connects_and_delivers_each_text_as_it_came(station: Station) -> None:
    station.snapshot = ['{"type":"download_queued","download_id":"1"}', "no JSON: é"]
    heard = Heard()
    gateway = Gateway(
        "127.0.0.1",
        station.port,
        on_websocket_message=heard.messages.append,
        on_websocket_status_change=heard.statuses.append,
    )
    assert not gateway.is_websocket_connected
    await gateway.init()
    assert gateway.is_websocket_connected
    assert heard.statuses == [True]
    await until(lambda: station.clients)
    await station.say("live")
    await until(lambda: len(heard.messages) == 3)
    assert heard.messages == [*station.snapshot, "live"]
    assert station.asked == ["/ws"]
    await gateway.disconnect_websocket()
    assert not gateway.is_websocket_connected
    assert heard.statuses == [True, False]
    await until(lambda: station.codes == [1000])


async def test_it_connects_in_a_with_statement_and_disconnects_after_it(station: Station) -> None:
    gateway = station.gateway()
    heard = Heard().by(gateway)
    async with gateway as entered:
        assert entered is gateway
        assert gateway.is_websocket_connected
    assert not gateway.is_websocket_connected
    assert heard.statuses == [True, False]


async def test_a_url_with_path_and_query_is_used_as_it_is(station: Station) -> None:
    async with station.gateway("/base/ws?interval_ms=1000&a=%20b"):
        assert station.asked == ["/base/ws?interval_ms=1000&a=%20b"]


async def test_binary_messages_are_ignored(station: Station) -> None:
    gateway = station.gateway()
    heard = Heard().by(gateway)
    async with gateway:
        await until(lambda: station.clients)
        await station.say(b"\x00")
        await station.say("text")
        await until(lambda: heard.messages)
        assert heard.messages == ["text"]


async def test_without_callbacks_it_goes_on_all_the_same(station: Station, caplog: pytest.LogCaptureFixture) -> None:
    async with station.gateway():
        await until(lambda: station.clients)
        await station.say(event("7-1"))
        await station.close_with(1001)
        await until(lambda: len(station.asked) == 2)
    assert station.asked[1] == "/ws?since=7-1"
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []


async def test_messages_are_sent_in_order_and_mappings_as_json(station: Station) -> None:
    command = {"action": "pause_download", "download_id": "é"}
    async with station.gateway() as gateway:
        assert gateway.send_websocket_message("Hello from Flutter!")
        assert gateway.send_websocket_message(command)
        assert gateway.send_websocket_message(MappingProxyType(command))
        await until(lambda: len(station.received) == 3)
    assert station.received[0] == "Hello from Flutter!"
    assert [json.loads(text) for text in station.received[1:]] == [command, command]


async def test_what_was_queued_is_sent_before_it_disconnects(station: Station) -> None:
    async with station.gateway() as gateway:
        for number in range(1000):
            assert gateway.send_websocket_message(str(number))
    assert station.received == [str(number) for number in range(1000)]


async def test_a_mapping_without_a_json_form_is_an_error_even_offline() -> None:
    with pytest.raises(TypeError):
        Gateway().send_websocket_message({"a": object()})
    with pytest.raises(ValueError, match="JSON"):
        Gateway().send_websocket_message({"a": float("nan")})


async def test_offline_a_message_is_refused_with_a_warning(station: Station, caplog: pytest.LogCaptureFixture) -> None:
    gateway = station.gateway()
    assert not gateway.send_websocket_message("before")
    assert [(record.name, record.levelno) for record in caplog.records] == [("gateway", logging.WARNING)]
    async with gateway:
        assert gateway.send_websocket_message("meanwhile")
    assert not gateway.send_websocket_message({"after": 1})
    assert station.received == ["meanwhile"]


async def test_beyond_the_bound_of_what_is_unsent_a_message_is_refused(station: Station) -> None:
    gateway = Gateway("127.0.0.1", station.port, limits=Limits(max_unsent_bytes=1000))
    async with gateway:
        assert gateway.send_websocket_message("é" * 500)
        assert not gateway.send_websocket_message("é" * 501)
        assert gateway.is_websocket_connected
        await until(lambda: station.received)
    assert station.received == ["é" * 500]


async def lost_and_back(station: Station) -> None:
    """The server's one client is cut and comes back."""
    asked = len(station.asked)
    await until(lambda: station.clients)
    station.cut()
    await until(lambda: len(station.asked) > asked)


async def test_after_a_disconnect_nothing_reconnects(station: Station) -> None:
    gateway = station.gateway()
    heard = Heard().by(gateway)
    await gateway.init()
    await gateway.disconnect_websocket()
    await gateway.disconnect_websocket()
    async with station.gateway():  # the clock: by its returns, the first would have returned too
        for _ in range(5):
            await lost_and_back(station)
    assert len(station.asked) == 7
    assert heard.statuses == [True, False]
    assert not gateway.is_websocket_connected


async def test_a_disconnect_before_any_connection_does_nothing() -> None:
    gateway = Gateway()
    heard = Heard().by(gateway)
    await gateway.disconnect_websocket()
    assert heard.statuses == []


async def test_it_connects_by_hand_after_a_disconnect(station: Station) -> None:
    gateway = station.gateway()
    heard = Heard().by(gateway)
    await gateway.init()
    await gateway.disconnect_websocket()
    assert await gateway.connect_websocket()
    assert gateway.is_websocket_connected
    assert heard.statuses == [True, False, True]
    await gateway.disconnect_websocket()


async def test_connecting_twice_makes_one_connection(station: Station) -> None:
    gateway = Gateway("127.0.0.1", station.port, limits=Limits(open_timeout_s=3600))  # a wait in vain would hang
    heard = Heard().by(gateway)
    assert await asyncio.gather(*(gateway.connect_websocket() for _ in range(5))) == [True] * 5
    await gateway.init()
    assert await gateway.connect_websocket()
    assert len(station.asked) == 1
    assert heard.statuses == [True]
    await gateway.disconnect_websocket()


async def test_of_disconnecting_and_connecting_at_once_the_last_call_wins(station: Station) -> None:
    gateway = station.gateway()
    heard = Heard().by(gateway)
    await gateway.init()
    await asyncio.gather(gateway.disconnect_websocket(), gateway.connect_websocket(), gateway.disconnect_websocket())
    assert not gateway.is_websocket_connected
    assert len(station.asked) == 1
    await gateway.connect_websocket()
    await asyncio.gather(gateway.disconnect_websocket(), gateway.connect_websocket())
    assert gateway.is_websocket_connected
    assert heard.statuses == [True, False, True, False, True]
    await gateway.disconnect_websocket()


def test_it_works_again_under_a_second_event_loop() -> None:
    station = Station()
    gateway = station.gateway()
    heard = Heard().by(gateway)

    async def once() -> None:
        await station.go_up()
        await gateway.disconnect_websocket()  # nothing of an earlier loop is left to end
        await gateway.init()
        assert gateway.is_websocket_connected
        await lost_and_back(station)
        await until(lambda: gateway.is_websocket_connected)
        await station.go_down()  # the Gateway is left to the loop's end

    asyncio.run(once())
    asyncio.run(once())
    asyncio.run(station.gone())
    assert heard.statuses == [True, False] * 4
