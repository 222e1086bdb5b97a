"""Losing the connection and coming back."""

import logging
from http import HTTPStatus

import pytest

from simulcast.gateway import Gateway, Limits
from tests.conditions import until
from tests.gateway_server import Heard, RawServer, Station, event, raw


async def test_it_keeps_trying_until_the_server_is_there(absent: Station, caplog: pytest.LogCaptureFixture) -> None:
    gateway = absent.gateway()
    heard = Heard().by(gateway)
    caplog.set_level(logging.DEBUG, "gateway")
    await gateway.init()
    assert not gateway.is_websocket_connected
    assert heard.statuses == []
    await until(lambda: len(caplog.records) >= 3)
    await absent.go_up()
    await until(lambda: gateway.is_websocket_connected)
    assert heard.statuses == [True]
    await gateway.disconnect_websocket()
    warnings = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert len(warnings) == 1  # not one an attempt


async def test_by_hand_it_connects_without_waiting_for_the_next_attempt(absent: Station) -> None:
    hour = 3600  # whoever waits for any of these hangs
    gateway = Gateway("127.0.0.1", absent.port, reconnect_delay_s=hour, limits=Limits(open_timeout_s=hour))
    heard = Heard().by(gateway)
    assert not await gateway.connect_websocket()
    assert not await gateway.connect_websocket()
    await absent.go_up()
    assert await gateway.connect_websocket()
    assert heard.statuses == [True]
    await gateway.disconnect_websocket()


async def test_after_a_loss_it_comes_back_and_says_what_it_saw_last(station: Station) -> None:
    station.snapshot = [event("7-1"), event("7-5")]
    gateway = station.gateway("/ws?interval_ms=100")
    heard = Heard().by(gateway)
    async with gateway:
        await until(lambda: len(heard.messages) == 2)
        station.snapshot = []
        station.cut()
        await until(lambda: len(station.asked) == 2 and station.clients)
        await station.say(event("7-6"))
        await until(lambda: len(heard.messages) == 3)
        await station.go_down()
        await station.go_up()
        await until(lambda: len(station.asked) == 3)
        await until(lambda: gateway.is_websocket_connected)
    assert station.asked == [
        "/ws?interval_ms=100",
        "/ws?interval_ms=100&since=7-5",
        "/ws?interval_ms=100&since=7-6",
    ]
    assert heard.messages == [event("7-1"), event("7-5"), event("7-6")]
    assert heard.statuses == [True, False, True, False, True, False]


async def test_what_it_saw_last_outlives_a_disconnect(station: Station) -> None:
    station.snapshot = [event("7-1")]
    gateway = station.gateway()
    heard = Heard().by(gateway)
    await gateway.init()
    await until(lambda: heard.messages)
    await gateway.disconnect_websocket()
    await gateway.connect_websocket()
    await gateway.disconnect_websocket()
    assert station.asked == ["/ws", "/ws?since=7-1"]


async def test_nothing_is_delivered_twice_when_a_snapshot_comes_again(station: Station) -> None:
    station.snapshot = [event("7-1"), event("7-5")]
    gateway = station.gateway()
    heard = Heard().by(gateway)
    async with gateway:
        await until(lambda: len(heard.messages) == 2)
        station.snapshot = [event("7-5"), event("7-9"), '{"type":"marker"}']
        station.cut()
        await until(lambda: heard.messages[-1] == '{"type":"marker"}')
        station.snapshot = [event("7-9"), event("8-1"), "end"]
        station.cut()
        await until(lambda: heard.messages[-1] == "end")
    assert heard.messages == [
        event("7-1"),
        event("7-5"),
        event("7-9"),
        '{"type":"marker"}',
        event("8-1"),
        "end",
    ]
    assert station.asked == ["/ws", "/ws?since=7-5", "/ws?since=7-9"]


@pytest.mark.parametrize("code", [1003, 1007, 1008, 1009, 4400])
async def test_told_to_change_something_first_it_waits_longer(
    station: Station, caplog: pytest.LogCaptureFixture, code: int
) -> None:
    limits = Limits(refused_delay_s=3600)
    gateway = Gateway("127.0.0.1", station.port, reconnect_delay_s=0, limits=limits)
    heard = Heard().by(gateway)
    await gateway.init()
    await until(lambda: station.clients)
    await station.close_with(code, "because")
    await until(lambda: heard.statuses == [True, False])
    errors = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]
    assert len(errors) == 1
    assert f"{code} 'because'" in errors[0]
    assert "3600 s" in errors[0]
    assert await gateway.connect_websocket()  # by hand it needn't wait
    await gateway.disconnect_websocket()


@pytest.mark.parametrize("code", [1000, 1001, 1011, 1012, 1013])
async def test_told_anything_else_it_comes_back_as_usual(
    station: Station, caplog: pytest.LogCaptureFixture, code: int
) -> None:
    async with station.gateway() as gateway:
        await until(lambda: station.clients)
        await station.close_with(code)
        await until(lambda: len(station.asked) == 2 and gateway.is_websocket_connected)
    assert [str(code) in record.getMessage() for record in caplog.records] == [True]


async def test_a_message_over_the_bound_ends_the_connection_and_does_not_hammer(
    station: Station, caplog: pytest.LogCaptureFixture
) -> None:
    station.snapshot = ["x" * 2**20, "y" * (2**20 + 1)]
    gateway = Gateway("127.0.0.1", station.port, reconnect_delay_s=0)
    heard = Heard().by(gateway)
    await gateway.init()
    await until(lambda: heard.statuses == [True, False])
    assert heard.messages == ["x" * 2**20]
    errors = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]
    assert len(errors) == 1
    assert "1009" in errors[0]
    await gateway.disconnect_websocket()


async def test_a_refused_handshake_is_logged_with_its_status_and_tried_again(
    station: Station, caplog: pytest.LogCaptureFixture
) -> None:
    station.refusal = HTTPStatus.FORBIDDEN
    gateway = station.gateway()
    heard = Heard().by(gateway)
    await gateway.init()
    assert heard.statuses == []
    assert any("403" in record.getMessage() for record in caplog.records if record.name == "gateway")
    station.refusal = None
    await until(lambda: gateway.is_websocket_connected)
    await gateway.disconnect_websocket()


async def test_a_redirect_is_not_followed(station: Station, caplog: pytest.LogCaptureFixture) -> None:
    class Redirect(RawServer):
        def data_received(self, data: bytes) -> None:
            self.transport.write(
                b"HTTP/1.1 302 Found\r\nLocation: ws://127.0.0.1:%d/ws\r\nContent-Length: 0\r\n\r\n" % station.port
            )

    async with raw(Redirect) as (port, _), Gateway("127.0.0.1", port) as gateway:
        assert not gateway.is_websocket_connected
    assert station.asked == []
    assert any("302" in record.getMessage() for record in caplog.records if record.name == "gateway")


async def test_it_logs_neither_payloads_nor_secrets(station: Station, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, logger="gateway")
    station.snapshot = ["payload"]
    gateway = Gateway(url=f"ws://name:word@127.0.0.1:{station.port}/ws?token=secret", reconnect_delay_s=0.01)
    heard = Heard().by(gateway)
    async with gateway:
        await until(lambda: heard.messages)
        await station.go_down()
        await until(lambda: heard.statuses == [True, False])
        gateway.send_websocket_message("payload")
        await gateway.connect_websocket()
    told = "\n".join(record.getMessage() for record in caplog.records if record.name == "gateway")
    assert f"ws://127.0.0.1:{station.port}/ws" in told
    assert all(word not in told for word in ("payload", "name", "word", "secret"))
