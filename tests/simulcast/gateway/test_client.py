"""Connecting, hearing, sending and disconnecting, as the Flutter class does."""

import asyncio
import json
import logging
from types import MappingProxyType

import pytest

from simulcast.gateway import Gateway, Limits
from tests.conditions import until
from tests.gateway_server import FakeServer, Received, progress_event


async def test_it_connects_and_delivers_each_text_as_it_came(fake_server: FakeServer) -> None:
    fake_server.snapshot = ['{"type":"download_queued","download_id":"1"}', "no JSON: é"]
    received = Received()
    gateway = Gateway(
        "127.0.0.1",
        fake_server.port,
        on_websocket_message=received.messages.append,
        on_websocket_status_change=received.statuses.append,
    )
    assert not gateway.is_websocket_connected
    await gateway.init()
    assert gateway.is_websocket_connected
    assert received.statuses == [True]
    await until(lambda: fake_server.clients)
    await fake_server.say("live")
    await until(lambda: len(received.messages) == 3)
    assert received.messages == [*fake_server.snapshot, "live"]
    assert fake_server.asked == ["/ws"]
    await gateway.disconnect_websocket()
    assert not gateway.is_websocket_connected
    assert received.statuses == [True, False]
    await until(lambda: fake_server.codes == [1000])


async def test_it_connects_in_a_with_statement_and_disconnects_after_it(fake_server: FakeServer) -> None:
    gateway = fake_server.gateway()
    received = Received().by(gateway)
    async with gateway as entered:
        assert entered is gateway
        assert gateway.is_websocket_connected
    assert not gateway.is_websocket_connected
    assert received.statuses == [True, False]


async def test_a_url_with_path_and_query_is_used_as_it_is(fake_server: FakeServer) -> None:
    async with fake_server.gateway("/base/ws?interval_ms=1000&a=%20b"):
        assert fake_server.asked == ["/base/ws?interval_ms=1000&a=%20b"]


async def test_binary_messages_are_ignored(fake_server: FakeServer) -> None:
    gateway = fake_server.gateway()
    received = Received().by(gateway)
    async with gateway:
        await until(lambda: fake_server.clients)
        await fake_server.say(b"\x00")
        await fake_server.say("text")
        await until(lambda: received.messages)
        assert received.messages == ["text"]


async def test_without_callbacks_it_goes_on_all_the_same(
    fake_server: FakeServer, caplog: pytest.LogCaptureFixture
) -> None:
    async with fake_server.gateway():
        await until(lambda: fake_server.clients)
        await fake_server.say(progress_event("7-1"))
        await fake_server.close_with(1001)
        await until(lambda: len(fake_server.asked) == 2)
    assert fake_server.asked[1] == "/ws?since=7-1"
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []


async def test_messages_are_sent_in_order_and_mappings_as_json(fake_server: FakeServer) -> None:
    command = {"action": "pause_download", "download_id": "é"}
    async with fake_server.gateway() as gateway:
        assert gateway.send_websocket_message("Hello from Flutter!")
        assert gateway.send_websocket_message(command)
        assert gateway.send_websocket_message(MappingProxyType(command))
        await until(lambda: len(fake_server.received) == 3)
    assert fake_server.received[0] == "Hello from Flutter!"
    assert [json.loads(text) for text in fake_server.received[1:]] == [command, command]


async def test_what_was_queued_is_sent_before_it_disconnects(fake_server: FakeServer) -> None:
    async with fake_server.gateway() as gateway:
        for number in range(1000):
            assert gateway.send_websocket_message(str(number))
    assert fake_server.received == [str(number) for number in range(1000)]


async def test_a_mapping_without_a_json_form_is_an_error_even_offline() -> None:
    with pytest.raises(TypeError):
        Gateway().send_websocket_message({"a": object()})
    with pytest.raises(ValueError, match="JSON"):
        Gateway().send_websocket_message({"a": float("nan")})


async def test_offline_a_message_is_refused_with_a_warning(
    fake_server: FakeServer, caplog: pytest.LogCaptureFixture
) -> None:
    gateway = fake_server.gateway()
    assert not gateway.send_websocket_message("before")
    assert [(record.name, record.levelno) for record in caplog.records] == [("simulcast.gateway", logging.WARNING)]
    async with gateway:
        assert gateway.send_websocket_message("meanwhile")
    assert not gateway.send_websocket_message({"after": 1})
    assert fake_server.received == ["meanwhile"]


async def test_beyond_the_bound_of_what_is_unsent_a_message_is_refused(fake_server: FakeServer) -> None:
    gateway = Gateway("127.0.0.1", fake_server.port, limits=Limits(max_unsent_bytes=1000))
    async with gateway:
        assert gateway.send_websocket_message("é" * 500)
        assert not gateway.send_websocket_message("é" * 501)
        assert gateway.is_websocket_connected
        await until(lambda: fake_server.received)
    assert fake_server.received == ["é" * 500]


async def lost_and_back(fake_server: FakeServer) -> None:
    """The server's one client is cut and comes back."""
    asked = len(fake_server.asked)
    await until(lambda: fake_server.clients)
    fake_server.cut()
    await until(lambda: len(fake_server.asked) > asked)


async def test_after_a_disconnect_nothing_reconnects(fake_server: FakeServer) -> None:
    gateway = fake_server.gateway()
    received = Received().by(gateway)
    await gateway.init()
    await gateway.disconnect_websocket()
    await gateway.disconnect_websocket()
    async with fake_server.gateway():  # the clock: by its returns, the first would have returned too
        for _ in range(5):
            await lost_and_back(fake_server)
    assert len(fake_server.asked) == 7
    assert received.statuses == [True, False]
    assert not gateway.is_websocket_connected


async def test_a_disconnect_before_any_connection_does_nothing() -> None:
    gateway = Gateway()
    received = Received().by(gateway)
    await gateway.disconnect_websocket()
    assert received.statuses == []


async def test_it_connects_by_hand_after_a_disconnect(fake_server: FakeServer) -> None:
    gateway = fake_server.gateway()
    received = Received().by(gateway)
    await gateway.init()
    await gateway.disconnect_websocket()
    assert await gateway.connect_websocket()
    assert gateway.is_websocket_connected
    assert received.statuses == [True, False, True]
    await gateway.disconnect_websocket()


async def test_connecting_twice_makes_one_connection(fake_server: FakeServer) -> None:
    gateway = Gateway("127.0.0.1", fake_server.port, limits=Limits(open_timeout_s=3600))  # a wait in vain would hang
    received = Received().by(gateway)
    assert await asyncio.gather(*(gateway.connect_websocket() for _ in range(5))) == [True] * 5
    await gateway.init()
    assert await gateway.connect_websocket()
    assert len(fake_server.asked) == 1
    assert received.statuses == [True]
    await gateway.disconnect_websocket()


async def test_of_disconnecting_and_connecting_at_once_the_last_call_wins(fake_server: FakeServer) -> None:
    gateway = fake_server.gateway()
    received = Received().by(gateway)
    await gateway.init()
    await asyncio.gather(gateway.disconnect_websocket(), gateway.connect_websocket(), gateway.disconnect_websocket())
    assert not gateway.is_websocket_connected
    assert len(fake_server.asked) == 1
    await gateway.connect_websocket()
    await asyncio.gather(gateway.disconnect_websocket(), gateway.connect_websocket())
    assert gateway.is_websocket_connected
    assert received.statuses == [True, False, True, False, True]
    await gateway.disconnect_websocket()


def test_it_works_again_under_a_second_event_loop() -> None:
    fake_server = FakeServer()
    gateway = fake_server.gateway()
    received = Received().by(gateway)

    async def once() -> None:
        await fake_server.go_up()
        await gateway.disconnect_websocket()  # nothing of an earlier loop is left to end
        await gateway.init()
        assert gateway.is_websocket_connected
        await lost_and_back(fake_server)
        await until(lambda: gateway.is_websocket_connected)
        await fake_server.go_down()  # the Gateway is left to the loop's end

    asyncio.run(once())
    asyncio.run(once())
    asyncio.run(fake_server.gone())
    assert received.statuses == [True, False] * 4
