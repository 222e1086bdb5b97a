"""Losing the connection and coming back."""

import logging
from http import HTTPStatus

import pytest

from simulcast.gateway import Gateway, Limits
from tests.conditions import until
from tests.gateway_server import FakeServer, RawServer, Received, progress_event, raw_server


async def test_it_keeps_trying_until_the_server_is_there(absent: FakeServer, caplog: pytest.LogCaptureFixture) -> None:
    gateway = absent.gateway()
    received = Received().by(gateway)
    caplog.set_level(logging.DEBUG, "simulcast.gateway")
    await gateway.init()
    assert not gateway.is_websocket_connected
    assert received.statuses == []
    await until(lambda: len(caplog.records) >= 3)
    await absent.go_up()
    await until(lambda: gateway.is_websocket_connected)
    assert received.statuses == [True]
    await gateway.disconnect_websocket()
    warnings = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert len(warnings) == 1  # not one an attempt


async def test_by_hand_it_connects_without_waiting_for_the_next_attempt(absent: FakeServer) -> None:
    hour = 3600  # whoever waits for any of these hangs
    gateway = Gateway("127.0.0.1", absent.port, reconnect_delay_s=hour, limits=Limits(open_timeout_s=hour))
    received = Received().by(gateway)
    assert not await gateway.connect_websocket()
    assert not await gateway.connect_websocket()
    await absent.go_up()
    assert await gateway.connect_websocket()
    assert received.statuses == [True]
    await gateway.disconnect_websocket()


async def test_after_a_loss_it_comes_back_and_says_what_it_saw_last(fake_server: FakeServer) -> None:
    fake_server.snapshot = [progress_event("7-1"), progress_event("7-5")]
    gateway = fake_server.gateway("/ws?interval_ms=100")
    received = Received().by(gateway)
    async with gateway:
        await until(lambda: len(received.messages) == 2)
        fake_server.snapshot = []
        fake_server.cut()
        await until(lambda: len(fake_server.asked) == 2 and fake_server.clients)
        await fake_server.say(progress_event("7-6"))
        await until(lambda: len(received.messages) == 3)
        await fake_server.go_down()
        await fake_server.go_up()
        await until(lambda: len(fake_server.asked) == 3)
        await until(lambda: gateway.is_websocket_connected)
    assert fake_server.asked == [
        "/ws?interval_ms=100",
        "/ws?interval_ms=100&since=7-5",
        "/ws?interval_ms=100&since=7-6",
    ]
    assert received.messages == [progress_event("7-1"), progress_event("7-5"), progress_event("7-6")]
    assert received.statuses == [True, False, True, False, True, False]


async def test_what_it_saw_last_outlives_a_disconnect(fake_server: FakeServer) -> None:
    fake_server.snapshot = [progress_event("7-1")]
    gateway = fake_server.gateway()
    received = Received().by(gateway)
    await gateway.init()
    await until(lambda: received.messages)
    await gateway.disconnect_websocket()
    await gateway.connect_websocket()
    await gateway.disconnect_websocket()
    assert fake_server.asked == ["/ws", "/ws?since=7-1"]


async def test_nothing_is_delivered_twice_when_a_snapshot_comes_again(fake_server: FakeServer) -> None:
    fake_server.snapshot = [progress_event("7-1"), progress_event("7-5")]
    gateway = fake_server.gateway()
    received = Received().by(gateway)
    async with gateway:
        await until(lambda: len(received.messages) == 2)
        fake_server.snapshot = [progress_event("7-5"), progress_event("7-9"), '{"type":"marker"}']
        fake_server.cut()
        await until(lambda: received.messages[-1] == '{"type":"marker"}')
        fake_server.snapshot = [progress_event("7-9"), progress_event("8-1"), "end"]
        fake_server.cut()
        await until(lambda: received.messages[-1] == "end")
    assert received.messages == [
        progress_event("7-1"),
        progress_event("7-5"),
        progress_event("7-9"),
        '{"type":"marker"}',
        progress_event("8-1"),
        "end",
    ]
    assert fake_server.asked == ["/ws", "/ws?since=7-5", "/ws?since=7-9"]


@pytest.mark.parametrize("code", [1003, 1007, 1008, 1009, 4400])
async def test_told_to_change_something_first_it_waits_longer(
    fake_server: FakeServer, caplog: pytest.LogCaptureFixture, code: int
) -> None:
    limits = Limits(refused_delay_s=3600)
    gateway = Gateway("127.0.0.1", fake_server.port, reconnect_delay_s=0, limits=limits)
    received = Received().by(gateway)
    await gateway.init()
    await until(lambda: fake_server.clients)
    await fake_server.close_with(code, "because")
    await until(lambda: received.statuses == [True, False])
    errors = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]
    assert len(errors) == 1
    assert f"{code} 'because'" in errors[0]
    assert "3600 s" in errors[0]
    assert await gateway.connect_websocket()  # by hand it needn't wait
    await gateway.disconnect_websocket()


@pytest.mark.parametrize("code", [1000, 1001, 1011, 1012, 1013])
async def test_told_anything_else_it_comes_back_as_usual(
    fake_server: FakeServer, caplog: pytest.LogCaptureFixture, code: int
) -> None:
    async with fake_server.gateway() as gateway:
        await until(lambda: fake_server.clients)
        await fake_server.close_with(code)
        await until(lambda: len(fake_server.asked) == 2 and gateway.is_websocket_connected)
    assert [str(code) in record.getMessage() for record in caplog.records] == [True]


async def test_a_message_over_the_bound_ends_the_connection_and_does_not_hammer(
    fake_server: FakeServer, caplog: pytest.LogCaptureFixture
) -> None:
    fake_server.snapshot = ["x" * 2**20, "y" * (2**20 + 1)]
    gateway = Gateway("127.0.0.1", fake_server.port, reconnect_delay_s=0)
    received = Received().by(gateway)
    await gateway.init()
    await until(lambda: received.statuses == [True, False])
    assert received.messages == ["x" * 2**20]
    errors = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]
    assert len(errors) == 1
    assert "1009" in errors[0]
    await gateway.disconnect_websocket()


async def test_a_refused_handshake_is_logged_with_its_status_and_tried_again(
    fake_server: FakeServer, caplog: pytest.LogCaptureFixture
) -> None:
    fake_server.refusal = HTTPStatus.FORBIDDEN
    gateway = fake_server.gateway()
    received = Received().by(gateway)
    await gateway.init()
    assert received.statuses == []
    assert any("403" in record.getMessage() for record in caplog.records if record.name == "simulcast.gateway")
    fake_server.refusal = None
    await until(lambda: gateway.is_websocket_connected)
    await gateway.disconnect_websocket()


async def test_a_redirect_is_not_followed(fake_server: FakeServer, caplog: pytest.LogCaptureFixture) -> None:
    class Redirect(RawServer):
        def data_received(self, data: bytes) -> None:
            self.transport.write(
                b"HTTP/1.1 302 Found\r\nLocation: ws://127.0.0.1:%d/ws\r\nContent-Length: 0\r\n\r\n" % fake_server.port
            )

    async with raw_server(Redirect) as (port, _), Gateway("127.0.0.1", port) as gateway:
        assert not gateway.is_websocket_connected
    assert fake_server.asked == []
    assert any("302" in record.getMessage() for record in caplog.records if record.name == "simulcast.gateway")


async def test_it_logs_neither_payloads_nor_secrets(fake_server: FakeServer, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, logger="simulcast.gateway")
    fake_server.snapshot = ["payload"]
    gateway = Gateway(url=f"ws://name:word@127.0.0.1:{fake_server.port}/ws?token=secret", reconnect_delay_s=0.01)
    received = Received().by(gateway)
    async with gateway:
        await until(lambda: received.messages)
        await fake_server.go_down()
        await until(lambda: received.statuses == [True, False])
        gateway.send_websocket_message("payload")
        await gateway.connect_websocket()
    told = "\n".join(record.getMessage() for record in caplog.records if record.name == "simulcast.gateway")
    assert f"ws://127.0.0.1:{fake_server.port}/ws" in told
    assert all(word not in told for word in ("payload", "name", "word", "secret"))
