"""Messages that are sent while nothing is connected."""

import logging

import pytest

from simulcast.gateway import Gateway, Limits
from tests.conditions import until
from tests.gateway_server import FakeServer, Received


async def test_messages_wait_for_the_connection_in_order(absent: FakeServer) -> None:
    gateway = Gateway("127.0.0.1", absent.port, reconnect_delay_s=0.01, max_waiting_messages=3)
    assert gateway.send_websocket_message("one")
    await gateway.init()
    assert gateway.send_websocket_message({"two": 2})
    gateway.on_websocket_status_change = lambda _: gateway.send_websocket_message("three")
    await absent.go_up()
    await until(lambda: len(absent.received) == 3)
    assert absent.received == ["one", '{"two":2}', "three"]
    await gateway.disconnect_websocket()


async def test_they_are_sent_once(fake_server: FakeServer) -> None:
    gateway = Gateway("127.0.0.1", fake_server.port, reconnect_delay_s=0.01, max_waiting_messages=3)
    received = Received().by(gateway)
    assert gateway.send_websocket_message("one")
    await gateway.init()
    await until(lambda: fake_server.received)
    fake_server.cut()
    await until(lambda: received.statuses == [True, False, True])
    gateway.send_websocket_message("two")
    await until(lambda: len(fake_server.received) == 2)
    assert fake_server.received == ["one", "two"]
    await gateway.disconnect_websocket()


@pytest.mark.parametrize("messages", [["1", "2", "3"], ["é" * 300, "é" * 201]], ids=["too many", "too large"])
async def test_beyond_the_bound_the_newest_is_refused(
    fake_server: FakeServer, caplog: pytest.LogCaptureFixture, messages: list[str]
) -> None:
    limits = Limits(max_unsent_bytes=1000)
    gateway = Gateway("127.0.0.1", fake_server.port, max_waiting_messages=2, limits=limits)
    *kept, refused = messages
    assert all(gateway.send_websocket_message(text) for text in kept)
    assert not gateway.send_websocket_message(refused)
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    async with gateway:
        await until(lambda: len(fake_server.received) == len(kept))
    assert fake_server.received == kept


async def test_a_disconnect_drops_what_waits(absent: FakeServer) -> None:
    limits = Limits(max_unsent_bytes=10)
    gateway = Gateway("127.0.0.1", absent.port, max_waiting_messages=1, limits=limits)
    await gateway.init()
    assert gateway.send_websocket_message("dropped")
    await gateway.disconnect_websocket()
    await absent.go_up()
    assert gateway.send_websocket_message("kept")  # there is room again
    await gateway.connect_websocket()
    await until(lambda: absent.received)
    assert absent.received == ["kept"]
    await gateway.disconnect_websocket()
